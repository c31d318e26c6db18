/// Appends compact JSON to a growing buffer of bytes. The caller keeps the grammar; nothing is checked.
package struct JSONWriter: Sendable {
  package private(set) var bytes: [UInt8] = []

  package init(reserving capacity: Int = 0) { bytes.reserveCapacity(capacity) }

  package mutating func write(_ value: JSONValue) {
    switch value {
    case .null: raw("null")
    case .bool(let value): raw(value ? "true" : "false")
    case .number(let value): bytes.append(contentsOf: value.text.utf8)
    case .string(let value): write(string: value.utf8)
    case .array(let elements):
      byte("[")
      for (index, element) in elements.enumerated() {
        if index > 0 { byte(",") }
        write(element)
      }
      byte("]")
    case .object(let object):
      byte("{")
      for (index, member) in object.members.enumerated() {
        if index > 0 { byte(",") }
        write(string: member.name.utf8)
        byte(":")
        write(member.value)
      }
      byte("}")
    }
  }

  /// A quoted string of valid UTF-8, escaped where RFC 8259 demands it and nowhere else.
  package mutating func write(string: some Sequence<UInt8>) {
    byte("\"")
    for character in string {
      switch character {
      case UInt8(ascii: "\""): raw("\\\"")
      case UInt8(ascii: "\\"): raw("\\\\")
      case 0x0A: raw("\\n")
      case 0x0D: raw("\\r")
      case 0x09: raw("\\t")
      case 0x08: raw("\\b")
      case 0x0C: raw("\\f")
      case 0..<0x20:
        raw("\\u00")
        bytes.append(Self.hex[Int(character >> 4)])
        bytes.append(Self.hex[Int(character & 15)])
      default: bytes.append(character)
      }
    }
    byte("\"")
  }

  /// Bytes that are JSON already: punctuation, or a value from elsewhere.
  package mutating func raw(_ text: StaticString) {
    text.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
  }

  package mutating func raw(_ json: some Sequence<UInt8>) { bytes.append(contentsOf: json) }

  private mutating func byte(_ character: Unicode.Scalar) { bytes.append(UInt8(ascii: character)) }

  private static let hex = Array("0123456789abcdef".utf8)
}
