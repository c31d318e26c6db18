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
    if string.withContiguousStorageIfAvailable({ append(escaping: UnsafeRawBufferPointer($0)) }) == nil {
      Array(string).withUnsafeBytes { append(escaping: $0) }
    }
    byte("\"")
  }

  package mutating func write(string: Span<UInt8>) {
    byte("\"")
    escaped(string)
    byte("\"")
  }

  /// A part of a string's inside, escaped like the whole; the caller writes the quotes.
  package mutating func escaped(_ text: Span<UInt8>) {
    text.withUnsafeBytes { append(escaping: $0) }
  }

  private mutating func append(escaping text: UnsafeRawBufferPointer) {
    var start = 0
    while true {
      let place = Self.firstEscaped(in: text, from: start)
      if place > start { bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[start..<place])) }
      guard place < text.count else { return }
      escape(text[place])
      start = place + 1
    }
  }

  /// The next byte to escape at or after `start`; `text.count` if there is none. Eight bytes at a time: the usual text
  /// has nothing to escape, and looking at each byte costs more than copying all of them.
  private static func firstEscaped(in text: UnsafeRawBufferPointer, from start: Int) -> Int {
    let ones: UInt64 = 0x0101_0101_0101_0101
    var place = start
    while place + 8 <= text.count {
      let word = text.loadUnaligned(fromByteOffset: place, as: UInt64.self)
      let (quote, backslash) = (word ^ (ones &* 0x22), word ^ (ones &* 0x5C))
      // A byte's high bit stays set where the byte was below 0x20, a quote or a backslash.
      let control = (word &- ones &* 0x20) & ~word
      let found = control | ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash)
      if found & (ones &* 0x80) != 0 { break }
      place += 8
    }
    while place < text.count, !isEscaped(text[place]) { place += 1 }
    return place
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

  package mutating func raw(_ json: Span<UInt8>) {
    json.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
  }

  package mutating func raw(_ byte: UInt8) { bytes.append(byte) }

  /// How many bytes have been written.
  package var count: Int { bytes.count }

  /// Takes back what was written after the first `count` bytes. The room stays reserved.
  package mutating func truncate(to count: Int) { bytes.removeLast(bytes.count - count) }

  private mutating func byte(_ character: Unicode.Scalar) { bytes.append(UInt8(ascii: character)) }

  private static let hex = Array("0123456789abcdef".utf8)
}
