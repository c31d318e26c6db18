import Changes
import JSON
import ODBC

/// The canonical JSON of stored values and the way back.
///
/// Numbers digit for digit; a REAL or DOUBLE in the shortest form that reads back as the same number; a BIT as true or false;
/// bytes as `\x…` in hexadecimal; times as ISO 8601, without a zone where the column has none; a CHAR without the blanks that
/// fill it up; everything else as the driver's text.
enum SQLValue {
  static func json(_ value: ODBCValue, of column: SQLTableShape.Column) -> JSONValue {
    switch value {
    case .null: .null
    case .bit(let value): .bool(value)
    case .number(let text): JSONNumber(text: text).map { .number($0) } ?? .string(text)
    case .single(let value): real(value.description, value.isNaN, value.isInfinite, value < 0)
    case .double(let value): real(value.description, value.isNaN, value.isInfinite, value < 0)
    case .bytes(let bytes): .string(Hex.text(bytes))
    case .date(let date): .string(date.dateText)
    case .moment(let moment): .string(moment.text)
    case .text(let text):
      switch column.type.kind {
      case .fixedText: .string(String(text.reversed().drop { $0 == " " }.reversed()))
      case .guid: .string(text.lowercased())
      case .zonedMoment: .string(zoned(text))
      default: .string(text)
      }
    }
  }

  /// What to bind so that `column` holds `value`.
  /// - Throws: `Failure` `sql.value` for a value the column's type has no room for. It names the column, never the value.
  static func parameter(_ value: JSONValue, for column: SQLTableShape.Column) throws(Failure) -> ODBCParameter {
    ODBCParameter(try bound(value, for: column), as: column.type.kind == .zonedMoment ? .text : column.type)
  }

  /// The form that a value has once the column holds it.
  static func held(_ value: JSONValue, by column: SQLTableShape.Column) -> JSONValue {
    (try? bound(value, for: column)).map { json($0, of: column) } ?? value
  }

  private static func bound(_ value: JSONValue, for column: SQLTableShape.Column) throws(Failure) -> ODBCValue {
    if value.isNull { return .null }
    let (kind, text) = (column.type.kind, value.plainText)
    let bound: ODBCValue? =
      switch (kind, value) {
      case (.bit, .bool(let flag)): .bit(flag)
      case (.bit, _): ["1": .bit(true), "true": .bit(true), "0": .bit(false), "false": .bit(false)][text]
      case (.number, .bool(let flag)): .number(flag ? "1" : "0")
      case (.number, .number), (.number, .string): JSONNumber(text: text).flatMap { plain($0) }.map { .number($0) }
      case (.single, .bool(let flag)), (.double, .bool(let flag)): .double(flag ? 1 : 0)
      case (.single, _), (.double, _): Double(text).map { .double($0) }
      case (.bytes, .string): .bytes(Hex.bytes(text) ?? Array(text.utf8))
      case (.date, .string): WrittenMoment(text).map { .date($0.moment) }
      case (.moment, .string): WrittenMoment(text).map { .moment($0.inUTC.cut(to: column.type.digits)) }
      case (.zonedMoment, .string), (.guid, .string), (.time, .string): .text(text)
      case (.text, _), (.fixedText, _): .text(text)
      default: nil
      }
    if let bound { return bound }
    throw Failure(
      code: "sql.value",
      message:
        "column \(column.name) is \(column.typeName.isEmpty ? "of another type" : column.typeName) and cannot hold"
        + " the value: convert the field with `as:`")
  }

  private static func real(_ text: String, _ isNaN: Bool, _ isInfinite: Bool, _ isNegative: Bool) -> JSONValue {
    if isNaN { return "NaN" }
    if isInfinite { return isNegative ? "-Infinity" : "Infinity" }
    return JSONNumber(text: text).map { .number($0) } ?? .string(text)
  }

  /// A number without an exponent: decimal columns take digits.
  private static func plain(_ number: JSONNumber) -> String? {
    guard let mark = number.text.firstIndex(where: { $0 == "e" || $0 == "E" }) else { return number.text }
    guard let exponent = Int(number.text[number.text.index(after: mark)...]), abs(exponent) < 400 else { return nil }
    var digits = number.text[..<mark]
    let sign = digits.hasPrefix("-") ? "-" : ""
    digits = digits.dropFirst(sign.count)
    let whole = digits.prefix { $0 != "." }
    let all = digits.filter { $0 != "." }
    let point = whole.count + exponent
    if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + all }
    if point >= all.count { return sign + all + String(repeating: "0", count: point - all.count) }
    return sign + all.prefix(point) + "." + all.dropFirst(point)
  }

  /// `2026-01-31 12:00:00.5000000 +01:00` as ISO 8601.
  private static func zoned(_ text: String) -> String {
    let parts = text.split(separator: " ")
    guard parts.count == 3 else { return text }
    var time = parts[1]
    if time.contains(".") {
      while time.last == "0" { time = time.dropLast() }
      if time.last == "." { time = time.dropLast() }
    }
    return "\(parts[0])T\(time)\(parts[2])"
  }
}

/// Bytes as `\x…`.
enum Hex {
  static func text(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return "\\x" + String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// Nil for anything else.
  static func bytes(_ text: String) -> [UInt8]? {
    guard text.hasPrefix("\\x") else { return nil }
    let digits = text.dropFirst(2).compactMap(\.hexDigitValue)
    guard digits.count == text.count - 2, digits.count.isMultiple(of: 2) else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }
}
