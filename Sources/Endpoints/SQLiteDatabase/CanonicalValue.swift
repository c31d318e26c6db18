import JSON
import SQLite

/// The canonical JSON of stored values and the way back.
///
/// Integers digit for digit; reals in the shortest form that reads back as the same number; infinities as the strings
/// `Infinity` and `-Infinity`; a BLOB as `\x…` in hexadecimal; text that is not UTF-8 with U+FFFD in place of the bad bytes.
enum CanonicalValue {
  /// What stands before each column's value in a row: `{"a":`, then `,"b":` and so on.
  static func labels(_ columns: [String]) -> [[UInt8]] {
    columns.enumerated().map { index, name in
      var writer = JSONWriter()
      writer.raw(index == 0 ? "{" : ",")
      writer.write(string: name.utf8)
      writer.raw(":")
      return writer.bytes
    }
  }

  static func write(_ value: SQLiteValue, to writer: inout JSONWriter) {
    switch value {
    case .null: writer.raw("null")
    case .integer(let value): writer.raw(String(value).utf8)
    case .real(let value) where value.isFinite: writer.raw(value.description.utf8)
    case .real(let value): writer.write(string: infinite(value).utf8)
    case .text(let bytes) where bytes.allSatisfy({ $0 < 0x80 }): writer.write(string: bytes)
    // Decoding repairs bytes that are no UTF-8.
    case .text(let bytes): writer.write(string: String(decoding: bytes, as: UTF8.self).utf8)
    case .blob(let bytes): writer.write(string: hex(bytes))
    }
  }

  static func json(_ value: SQLiteValue) -> JSONValue {
    switch value {
    case .null: .null
    case .integer(let value): .integer(value)
    case .real(let value):
      JSONNumber(text: value.description).map { .number($0) } ?? .string(infinite(value))
    case .text(let bytes): .string(String(decoding: bytes, as: UTF8.self))
    case .blob(let bytes): .string(String(decoding: hex(bytes), as: UTF8.self))
    }
  }

  /// What to bind so that `column` holds `value`.
  static func binding(_ value: JSONValue, for column: TableShape.Column) -> SQLiteValue {
    switch value {
    case .null: .null
    case .bool(let value): .integer(value ? 1 : 0)
    case .number(let number): binding(number, for: column.affinity)
    case .string(let text):
      switch column.affinity {
      case .blob: blob(text) ?? .text(text)
      case .real, .numeric: infinity(text) ?? .text(text)
      case .integer, .text: .text(text)
      }
    case .array, .object: .text(value.text)
    }
  }

  private static func binding(_ number: JSONNumber, for affinity: TableShape.Affinity) -> SQLiteValue {
    if let integer = Int64(number.text) { return .integer(integer) }
    guard let real = Double(number.text), real.isFinite else { return .text(number.text) }
    if let integer = Int64(exactly: real), JSONNumber(integer) == number { return .integer(integer) }
    let isExact = JSONNumber(text: real.description) == number
    // A text column is chosen to keep digits, and a numeric one may decide for itself.
    return affinity == .text || (!isExact && affinity == .numeric) ? .text(number.text) : .real(real)
  }

  private static func infinite(_ value: Double) -> String { value < 0 ? "-Infinity" : "Infinity" }

  private static func infinity(_ text: String) -> SQLiteValue? {
    switch text {
    case "Infinity": .real(.infinity)
    case "-Infinity": .real(-.infinity)
    default: nil
    }
  }

  private static func hex(_ bytes: [UInt8]) -> [UInt8] {
    var text = Array("\\x".utf8)
    text.reserveCapacity(2 + 2 * bytes.count)
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return text
  }

  private static func blob(_ text: String) -> SQLiteValue? {
    let characters = Array(text.utf8)
    guard characters.count % 2 == 0, characters.starts(with: "\\x".utf8) else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 2, to: characters.count, by: 2) {
      guard let high = nibble(characters[index]), let low = nibble(characters[index + 1]) else { return nil }
      bytes.append(high << 4 | low)
    }
    return .blob(bytes)
  }

  private static func nibble(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  private static let digits = Array("0123456789abcdef".utf8)
}
