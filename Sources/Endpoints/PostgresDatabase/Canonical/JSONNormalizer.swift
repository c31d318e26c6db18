import JSON

/// Writes a JSON text as `jsonb` would: members in the order of their names, the last of a repeated name, numbers as
/// `numeric` prints them, escapes decoded, no space but after `:` and `,`.
///
/// One pass over the text, without recursion, so that no nesting exhausts the stack. Objects whose members come in
/// order are written straight on; others are put in order when they close.
struct JSONNormalizer {
  private struct Container {
    var isObject: Bool
    /// Where its members begin in `members`, their names in `names` and what was written of them.
    var firstMember: Int
    var namesStart: Int
    var start: Int
  }

  private struct Member {
    /// In `names`, decoded.
    var name: Range<Int>
    /// Name and value as they were written.
    var written: Range<Int>
  }

  private var open: [Container] = []
  private var members: [Member] = []
  private var names: [UInt8] = []

  /// - Returns: false for what is not JSON or what `jsonb` refuses: `\u0000`, half of a surrogate pair, a number out of
  ///   range. Something may have been written then.
  mutating func append(_ text: Span<UInt8>, to writer: inout JSONWriter) -> Bool {
    var at = 0
    while true {
      skipSpace(text, &at)
      guard at < text.count else { return false }
      switch text[at] {
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        guard begin(text, &at, &writer) else { return false }
        if !isClosing(text, at) { continue }
      case UInt8(ascii: "\""):
        guard let content = string(text, &at), write(content, of: text, to: &writer) else { return false }
      default:
        guard word(text, &at, &writer) || number(text, &at, &writer) else { return false }
      }
      // A value is complete, and with it perhaps what it stands in.
      var isComplete = true
      while isComplete {
        skipSpace(text, &at)
        guard let container = open.last else { return at == text.count }
        guard at < text.count else { return false }
        if isClosing(text, at) {
          guard text[at] == (container.isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else { return false }
          end(container, &writer)
          at += 1
        } else {
          guard text[at] == UInt8(ascii: ",") else { return false }
          at += 1
          if container.isObject { endMember(at: writer.count) }
          writer.raw(", ")
          guard !container.isObject || name(text, &at, &writer) else { return false }
          isComplete = false
        }
      }
    }
  }

  private func isClosing(_ text: Span<UInt8>, _ at: Int) -> Bool {
    at < text.count && (text[at] == UInt8(ascii: "}") || text[at] == UInt8(ascii: "]"))
  }

  private func skipSpace(_ text: Span<UInt8>, _ at: inout Int) {
    while at < text.count, text[at] == 0x20 || text[at] == 0x0A || text[at] == 0x0D || text[at] == 0x09 { at += 1 }
  }

  /// Opens a container, and stops after its first name, before its first element or before its end.
  private mutating func begin(_ text: Span<UInt8>, _ at: inout Int, _ writer: inout JSONWriter) -> Bool {
    let isObject = text[at] == UInt8(ascii: "{")
    writer.raw(text[at])
    at += 1
    open.append(
      Container(isObject: isObject, firstMember: members.count, namesStart: names.count, start: writer.count))
    skipSpace(text, &at)
    return isClosing(text, at) || !isObject || name(text, &at, &writer)
  }

  private mutating func end(_ container: Container, _ writer: inout JSONWriter) {
    if container.isObject, members.count > container.firstMember {
      endMember(at: writer.count)
      order(container, &writer)
    }
    members.removeLast(members.count - container.firstMember)
    names.removeLast(names.count - container.namesStart)
    open.removeLast()
    writer.raw(container.isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"))
  }

  private mutating func endMember(at end: Int) {
    let last = members.count - 1
    members[last].written = members[last].written.lowerBound..<end
  }

  /// Puts the members of a container in order and drops all but the last of each name.
  private func order(_ container: Container, _ writer: inout JSONWriter) {
    let unordered = ((container.firstMember + 1)..<members.count).contains {
      !precedes(members[$0 - 1], members[$0])
    }
    guard unordered else { return }
    let sorted = members[container.firstMember...].sorted { a, b in
      precedes(a, b) || (!precedes(b, a) && a.written.lowerBound < b.written.lowerBound)
    }
    var ordered: [UInt8] = []
    ordered.reserveCapacity(writer.count - container.start)
    for (index, member) in sorted.enumerated() {
      if index + 1 < sorted.count, !precedes(member, sorted[index + 1]) { continue }
      if !ordered.isEmpty {
        ordered.append(UInt8(ascii: ","))
        ordered.append(UInt8(ascii: " "))
      }
      ordered += writer.bytes[member.written]
    }
    writer.truncate(to: container.start)
    writer.raw(ordered.span)
  }

  private func precedes(_ a: Member, _ b: Member) -> Bool {
    a.name.count == b.name.count ? CanonicalRow.precedes(names[a.name], names[b.name]) : a.name.count < b.name.count
  }

  /// Reads and writes a member's name and the colon after it.
  private mutating func name(_ text: Span<UInt8>, _ at: inout Int, _ writer: inout JSONWriter) -> Bool {
    skipSpace(text, &at)
    guard at < text.count, text[at] == UInt8(ascii: "\""), let content = string(text, &at) else { return false }
    let start = names.count
    guard JSONText.decode(text, content, into: &names) else { return false }
    let written = writer.count
    writer.write(string: names.span.extracting(start...))
    writer.raw(": ")
    members.append(Member(name: start..<names.count, written: written..<written))
    skipSpace(text, &at)
    guard at < text.count, text[at] == UInt8(ascii: ":") else { return false }
    at += 1
    return true
  }

  /// Passes a string. - Returns: what stands between its quotes; nil if it is not closed.
  private func string(_ text: Span<UInt8>, _ at: inout Int) -> Range<Int>? {
    let start = at + 1
    at = start
    while at < text.count, text[at] >= 0x20 {
      switch text[at] {
      case UInt8(ascii: "\""):
        at += 1
        return start..<(at - 1)
      case UInt8(ascii: "\\"): at += 2
      default: at += 1
      }
    }
    return nil
  }

  private func write(_ content: Range<Int>, of text: Span<UInt8>, to writer: inout JSONWriter) -> Bool {
    let inside = text.extracting(content)
    guard inside.first(UInt8(ascii: "\\"), from: 0) != nil else {
      writer.write(string: inside)
      return true
    }
    var decoded: [UInt8] = []
    guard JSONText.decode(text, content, into: &decoded) else { return false }
    writer.write(string: decoded.span)
    return true
  }

  private func word(_ text: Span<UInt8>, _ at: inout Int, _ writer: inout JSONWriter) -> Bool {
    let word: StaticString =
      switch text[at] {
      case UInt8(ascii: "n"): "null"
      case UInt8(ascii: "t"): "true"
      default: "false"
      }
    guard text.has(word, at: at) else { return false }
    writer.raw(word)
    at += word.utf8CodeUnitCount
    return true
  }

  private func number(_ text: Span<UInt8>, _ at: inout Int, _ writer: inout JSONWriter) -> Bool {
    let start = at
    while at < text.count {
      switch text[at] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
        UInt8(ascii: "e"), UInt8(ascii: "E"):
        at += 1
        continue
      default: break
      }
      break
    }
    return writer.write(number: text.extracting(start..<at))
  }
}
