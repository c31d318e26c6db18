package import JSON

/// How the values of one field differ between the sides beside their types. Each rule has an exact inverse, so that a value
/// that travels to the other side and back is the same; what cannot is refused.
package struct ValueRules: Hashable, Sendable {
  /// A value of the table, and what the object calls it.
  package struct Name: Hashable, Sendable {
    package let local: JSONValue
    package let remote: JSONValue

    package init(local: JSONValue, remote: JSONValue) {
      self.local = local
      self.remote = remote
    }
  }

  /// Space around a text says nothing at either side.
  package var trims: Bool
  /// An empty text says nothing at either side. The object is sent one where the table has null.
  package var emptyIsNull: Bool
  /// The object counts in a unit so many decimals smaller, in whole numbers: 12.34 of the table is 1234.
  package var minorUnits: Int
  /// All values there are; empty where any may be.
  package var names: [Name]

  package init(trims: Bool = false, emptyIsNull: Bool = false, minorUnits: Int = 0, names: [Name] = []) {
    self.trims = trims
    self.emptyIsNull = emptyIsNull
    self.minorUnits = minorUnits
    self.names = names
  }

  /// Two values of one side that become the same at the other: there is no way back. Nil where there are none.
  package var collision: (first: Name, second: Name)? {
    for (place, name) in names.enumerated() {
      if let twin = names[..<place].first(where: { $0.remote == name.remote || $0.local == name.local }) {
        return (twin, name)
      }
    }
    return nil
  }

  /// Without what says nothing.
  func cleaned(_ value: JSONValue) -> JSONValue {
    guard trims || emptyIsNull, case .string(var text) = value else { return value }
    if trims { text = Self.trimmed(text) }
    return emptyIsNull && text.isEmpty ? .null : .string(text)
  }

  private static func trimmed(_ text: String) -> String {
    guard text.first?.isWhitespace == true || text.last?.isWhitespace == true else { return text }
    var rest = text[...]
    while rest.first?.isWhitespace == true { rest.removeFirst() }
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return String(rest)
  }
}
