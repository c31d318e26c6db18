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
    // Looking at the bytes in place: going through them as just any sequence costs several times as much.
    if string.withContiguousStorageIfAvailable({ append(escaping: $0) }) == nil {
      Array(string).withUnsafeBufferPointer { append(escaping: $0) }
    }
    byte("\"")
  }

  private mutating func append(escaping text: UnsafeBufferPointer<UInt8>) {
    var rest = text[...]
    while let place = rest.firstIndex(where: Self.isEscaped) {
      bytes.append(contentsOf: rest[..<place])
      escape(rest[place])
      rest = rest[(place + 1)...]
    }
    bytes.append(contentsOf: rest)
  }

  private static func isEscaped(_ character: UInt8) -> Bool {
    character < 0x20 || character == UInt8(ascii: "\"") || character == UInt8(ascii: "\\")
  }

  private mutating func escape(_ character: UInt8) {
    switch character {
    case UInt8(ascii: "\""): raw("\\\"")
    case UInt8(ascii: "\\"): raw("\\\\")
    case 0x0A: raw("\\n")
    case 0x0D: raw("\\r")
    case 0x09: raw("\\t")
    case 0x08: raw("\\b")
    case 0x0C: raw("\\f")
    default:
      raw("\\u00")
      bytes.append(Self.hex[Int(character >> 4)])
      bytes.append(Self.hex[Int(character & 15)])
    }
  }

  /// Bytes that are JSON already: punctuation, or a value from elsewhere.
  package mutating func raw(_ text: StaticString) {
    text.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
  }

  package mutating func raw(_ json: some Sequence<UInt8>) {
    if json.withContiguousStorageIfAvailable({ bytes.append(contentsOf: $0) }) == nil {
      bytes.append(contentsOf: json)
    }
  }

  private mutating func byte(_ character: Unicode.Scalar) { bytes.append(UInt8(ascii: character)) }

  private static let hex = Array("0123456789abcdef".utf8)
}
