import Changes
package import JSON

/// How a field's value is written at the two sides. Each has one canonical form, so that values compare by meaning.
package enum Conversion: String, Hashable, Sendable, CaseIterable {
  /// As it stands.
  case none
  case string
  case integer
  /// A number of any length, digit for digit. Text that is a number is taken as one.
  case decimal
  /// As `decimal`, but the object writes it as text.
  case decimalText = "decimal_text"
  /// Also 0 and 1, as SQLite keeps them.
  case boolean
  /// An instant; without a zone it is UTC. Canonical: `2026-01-31T12:00:00.5Z`.
  case timestamp
  /// A day. A time is taken for its day if it is midnight, UTC.
  case date

  package var expectation: String {
    switch self {
    case .none: "any value"
    case .string: "text, a number or a boolean"
    case .integer: "a whole number"
    case .decimal, .decimalText: "a number"
    case .boolean: "true or false (or 1 or 0)"
    case .timestamp: "a time such as 2026-01-31T12:00:00Z"
    case .date: "a day such as 2026-01-31"
    }
  }

  /// The canonical form of a value from either side; nil if it has not the declared form.
  package func canonical(_ value: JSONValue) -> JSONValue? {
    switch (self, value) {
    case (.none, _): value
    case (.string, .string), (.boolean, .bool): value
    case (.string, .number(let number)): .string(number.text)
    case (.string, .bool(let flag)): .string(flag ? "true" : "false")
    case (.integer, _): Self.number(value).flatMap { JSONNumber(wholeValue: $0) }.map { .number($0) }
    case (.decimal, _), (.decimalText, _): Self.number(value).map { .number($0) }
    case (.boolean, .number(let number)): flag(number.text)
    case (.boolean, .string(let text)): flag(text)
    case (.timestamp, .string(let text)): Instant(text).map { .string($0.text) }
    case (.date, .string(let text)): day(text)
    default: nil
    }
  }

  /// A canonical value as the object writes it.
  func remote(_ value: JSONValue) -> JSONValue {
    if self == .decimalText, case .number(let number) = value { .string(number.text) } else { value }
  }

  private func day(_ text: String) -> JSONValue? {
    guard let midnight = Instant(text.utf8.count == 10 ? text + "T00:00:00Z" : text)?.text,
      midnight.hasSuffix("T00:00:00Z")
    else { return nil }
    let day = String(midnight.dropLast(10))
    // The thirtieth of February is no day.
    return text.hasPrefix(day) || text.utf8.count > 20 ? .string(day) : nil
  }

  static func number(_ value: JSONValue) -> JSONNumber? {
    switch value {
    case .number(let number): number
    case .string(let text): JSONNumber(text: text)
    default: nil
    }
  }

  private func flag(_ text: String) -> JSONValue? {
    switch text {
    case "1", "true", "t": true
    case "0", "false", "f": false
    default: nil
    }
  }
}

extension JSONNumber {
  /// The number if it is whole, as plain digits where it fits 64 bits.
  fileprivate init?(wholeValue number: JSONNumber) {
    if let integer = Int64(number.text) {
      self.init(integer)
    } else if !number.text.contains(where: { ".eE".contains($0) }) {
      self = number
    } else if let value = Double(number.text), let whole = Int64(exactly: value), JSONNumber(whole) == number {
      self.init(whole)
    } else {
      return nil
    }
  }
}
