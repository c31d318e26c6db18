/// Walks the members of a JSON object in the order they are written and tells where they stand, without making values of
/// them: for rows that stay bytes. The text must be JSON already; of what it holds only the outline is looked at.
package struct JSONMemberWalk {
  package struct Member {
    /// With its quotes, as it is written.
    package let name: Range<Int>
    package let value: Range<Int>
  }

  private let bytes: [UInt8]
  private var offset = 0
  private var isOver = false

  /// - Throws: `JSONError` for anything but an object.
  package init(_ bytes: [UInt8]) throws(JSONError) {
    self.bytes = bytes
    skipSpace()
    guard next == UInt8(ascii: "{") else { throw failure("expected an object") }
    offset += 1
    skipSpace()
    isOver = next == UInt8(ascii: "}")
  }

  /// The next member; nil after the last.
  package mutating func member() throws(JSONError) -> Member? {
    guard !isOver else { return nil }
    let name = try string()
    skipSpace()
    guard next == UInt8(ascii: ":") else { throw failure("expected ':' after a member name") }
    offset += 1
    skipSpace()
    let start = offset
    try skipValue()
    let member = Member(name: name, value: start..<offset)
    skipSpace()
    switch next {
    case UInt8(ascii: ","):
      offset += 1
      skipSpace()
    case UInt8(ascii: "}"): isOver = true
    default: throw failure("expected ',' or '}' in an object")
    }
    return member
  }

  private var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

  private func failure(_ reason: String) -> JSONError { JSONError(offset: offset, reason: reason) }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { offset += 1 }
  }

  private mutating func string() throws(JSONError) -> Range<Int> {
    guard next == UInt8(ascii: "\"") else { throw failure("expected a member name in quotes") }
    let start = offset
    try skipString()
    return start..<offset
  }

  private mutating func skipString() throws(JSONError) {
    offset += 1
    while let byte = next {
      offset += byte == UInt8(ascii: "\\") ? 2 : 1
      if byte == UInt8(ascii: "\"") { return }
    }
    throw failure("a string is not closed")
  }

  private mutating func skipValue() throws(JSONError) {
    var depth = 0
    let start = offset
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""): try skipString()
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        offset += 1
      case UInt8(ascii: "}") where depth > 0, UInt8(ascii: "]") where depth > 0:
        depth -= 1
        offset += 1
      case UInt8(ascii: ","), UInt8(ascii: "}"), 0x20, 0x0A, 0x0D, 0x09:
        if depth == 0 {
          guard offset > start else { throw failure("expected a value") }
          return
        }
        offset += 1
      default: offset += 1
      }
    }
    throw failure("the text ends inside an object")
  }
}
