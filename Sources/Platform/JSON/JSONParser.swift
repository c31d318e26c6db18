/// A text that is not JSON, or is deeper than a parser should follow.
package struct JSONError: Error, Hashable, CustomStringConvertible {
  /// Bytes before the place.
  package let offset: Int
  package let reason: String

  package init(offset: Int, reason: String) {
    self.offset = offset
    self.reason = reason
  }

  package var description: String { "not valid JSON at byte \(offset): \(reason)" }
}

/// A strict RFC 8259 parser over bytes. Nesting is bounded, so no input can exhaust the stack.
struct JSONParser {
  /// Deeper than any business document seen, far from the stack's end.
  static let deepest = 256

  private let bytes: [UInt8]
  private(set) var offset = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  static func parse(_ bytes: [UInt8]) throws(JSONError) -> JSONValue {
    var parser = JSONParser(bytes)
    let value = try parser.value(depth: 0)
    parser.skipSpace()
    guard parser.offset == bytes.count else { throw parser.failure("unexpected text after the value") }
    return value
  }

  /// Where the values of the members of an object are, leading and trailing space left out. Of a repeated name the last.
  static func members(_ bytes: [UInt8]) throws(JSONError) -> [String: Range<Int>] {
    var parser = JSONParser(bytes)
    var places: [String: Range<Int>] = [:]
    parser.skipSpace()
    guard parser.next == UInt8(ascii: "{") else { throw parser.failure("expected an object") }
    _ = try parser.object(depth: 0) { name, place in places[name] = place }
    parser.skipSpace()
    guard parser.offset == bytes.count else { throw parser.failure("unexpected text after the value") }
    return places
  }

  private func failure(_ reason: String) -> JSONError { JSONError(offset: offset, reason: reason) }

  private var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { offset += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    offset += 1
    return true
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    guard depth < Self.deepest else { throw failure("nested deeper than \(Self.deepest) levels") }
    skipSpace()
    switch next {
    case UInt8(ascii: "{"): return .object(try object(depth: depth))
    case UInt8(ascii: "["): return .array(try array(depth: depth))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case nil: throw failure("the text ends where a value should be")
    default: return .number(try number())
    }
  }

  private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    let expected = Array(word.description.utf8)
    guard bytes[offset...].starts(with: expected) else { throw failure("expected \(word)") }
    offset += expected.count
    return value
  }

  /// - Parameter found: told where the value of each member is.
  private mutating func object(
    depth: Int, found: (String, Range<Int>) -> Void = { _, _ in }
  ) throws(JSONError) -> JSONObject {
    offset += 1
    var members: [(String, JSONValue)] = []
    skipSpace()
    if take(UInt8(ascii: "}")) { return JSONObject() }
    repeat {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw failure("expected a member name in quotes") }
      let name = try string()
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw failure("expected ':' after a member name") }
      skipSpace()
      let start = offset
      members.append((name, try value(depth: depth + 1)))
      found(name, start..<offset)
      skipSpace()
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "}")) else { throw failure("expected ',' or '}' in an object") }
    return JSONObject(parsed: members)
  }

  private mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
    offset += 1
    var elements: [JSONValue] = []
    skipSpace()
    if take(UInt8(ascii: "]")) { return [] }
    repeat {
      elements.append(try value(depth: depth + 1))
      skipSpace()
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "]")) else { throw failure("expected ',' or ']' in an array") }
    return elements
  }

  mutating func number() throws(JSONError) -> JSONNumber {
    let start = offset
    _ = take(UInt8(ascii: "-"))
    if !take(UInt8(ascii: "0")) { try digits() }
    if take(UInt8(ascii: ".")) { try digits() }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      try digits()
    }
    return JSONNumber(unchecked: String(decoding: bytes[start..<offset], as: UTF8.self))
  }

  private mutating func digits() throws(JSONError) {
    let start = offset
    while let byte = next, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { offset += 1 }
    guard offset > start else { throw failure("expected a value") }
  }

  private mutating func string() throws(JSONError) -> String {
    offset += 1
    let start = offset
    while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { offset += 1 }
    if next == UInt8(ascii: "\"") {
      defer { offset += 1 }
      return try utf8(bytes[start..<offset])
    }
    var text = Array(bytes[start..<offset])
    while let byte = next, byte >= 0x20 {
      offset += 1
      switch byte {
      case UInt8(ascii: "\""): return try utf8(text[...])
      case UInt8(ascii: "\\"): try escape(into: &text)
      default: text.append(byte)
      }
    }
    throw failure(next == nil ? "a string is not closed" : "a control character stands unescaped in a string")
  }

  private func utf8(_ bytes: ArraySlice<UInt8>) throws(JSONError) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else { throw failure("a string is not valid UTF-8") }
    return text
  }

  private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
    guard let byte = next else { throw failure("a string is not closed") }
    offset += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"): text.append(contentsOf: String(try scalar()).utf8)
    default: throw failure("unknown escape in a string")
    }
  }

  private mutating func scalar() throws(JSONError) -> Unicode.Scalar {
    let high = try codeUnit()
    if let scalar = Unicode.Scalar(high) { return scalar }
    guard UTF16.isLeadSurrogate(high), take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
      throw failure("half of a surrogate pair")
    }
    let low = try codeUnit()
    guard UTF16.isTrailSurrogate(low) else { throw failure("half of a surrogate pair") }
    let value = 0x10000 + (UInt32(high) - 0xD800) << 10 + (UInt32(low) - 0xDC00)
    guard let scalar = Unicode.Scalar(value) else { throw failure("half of a surrogate pair") }
    return scalar
  }

  private mutating func codeUnit() throws(JSONError) -> UInt16 {
    guard offset + 4 <= bytes.count,
      let value = UInt16(String(decoding: bytes[offset..<offset + 4], as: UTF8.self), radix: 16),
      bytes[offset] != UInt8(ascii: "+")
    else { throw failure("expected four hexadecimal digits") }
    offset += 4
    return value
  }
}
