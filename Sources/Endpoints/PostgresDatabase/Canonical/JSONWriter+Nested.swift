import JSON

/// A part of an array's, composite's or hstore's text that stands in quotes.
///
/// The three quote alike: a backslash stands before a byte that is meant as itself, and composites double quotes. That
/// neither of the others ever has a second quote right after a closing one makes one reader enough.
private struct QuotedText {
  /// Between the quotes.
  var content: Range<Int>
  var hasEscapes = false
  /// After the closing quote.
  var end: Int { content.upperBound + 1 }

  /// - Parameter start: of the opening quote.
  init?(_ text: Span<UInt8>, at start: Int) {
    var at = start + 1
    while at < text.count {
      switch text[at] {
      case UInt8(ascii: "\\"):
        hasEscapes = true
        at += 2
      case UInt8(ascii: "\"") where at + 1 < text.count && text[at + 1] == UInt8(ascii: "\""):
        hasEscapes = true
        at += 2
      case UInt8(ascii: "\""):
        content = (start + 1)..<at
        return
      default: at += 1
      }
    }
    return nil
  }

  /// Appends a part of a text as it was before it was put in quotes.
  static func unescape(_ text: Span<UInt8>, _ content: Range<Int>, into plain: inout [UInt8]) {
    var at = content.lowerBound
    while at < content.upperBound {
      // In a content a quote is the first of two.
      if text[at] == UInt8(ascii: "\\") || text[at] == UInt8(ascii: "\"") { at += 1 }
      if at < content.upperBound { plain.append(text[at]) }
      at += 1
    }
  }
}

extension JSONWriter {
  /// `[0:1]={1,NULL}` becomes `[1, null]`.
  /// - Returns: false for what is no array of the element's type; something may have been written then.
  mutating func write(array text: Span<UInt8>, of element: CanonicalType, delimiter: UInt8) -> Bool {
    var at = 0
    if text.count > 0, text[0] == UInt8(ascii: "[") {
      // Bounds that do not begin at 1. JSON has none.
      guard let equals = text.first(UInt8(ascii: "="), from: 0) else { return false }
      at = equals + 1
    }
    var depth = 0
    while at < text.count {
      // A value: an array of the next dimension, or an element.
      if text[at] == UInt8(ascii: "{") {
        depth += 1
        at += 1
        raw(UInt8(ascii: "["))
        if at < text.count, text[at] != UInt8(ascii: "}") { continue }
      } else {
        guard depth > 0, let end = write(elementOf: text, at: at, element, delimiter: delimiter) else { return false }
        at = end
      }
      while at < text.count, depth > 0, text[at] == UInt8(ascii: "}") {
        raw(UInt8(ascii: "]"))
        depth -= 1
        at += 1
      }
      if depth == 0 { return at == text.count }
      guard at < text.count, text[at] == delimiter else { return false }
      raw(", ")
      at += 1
    }
    return false
  }

  /// - Returns: where the element ends; nil if it is none.
  private mutating func write(
    elementOf text: Span<UInt8>, at start: Int, _ element: CanonicalType, delimiter: UInt8
  ) -> Int? {
    if text[start] == UInt8(ascii: "\"") {
      guard let quoted = QuotedText(text, at: start) else { return nil }
      return write(quoted, of: text, as: element) ? quoted.end : nil
    }
    var end = start
    while end < text.count, text[end] != delimiter, text[end] != UInt8(ascii: "}") { end += 1 }
    let plain = text.extracting(start..<end)
    guard plain.count > 0 else { return nil }
    if plain.isEqual("NULL") {
      raw("null")
      return end
    }
    return element.append(plain, to: &self) ? end : nil
  }

  private mutating func write(_ quoted: QuotedText, of text: Span<UInt8>, as type: CanonicalType) -> Bool {
    guard quoted.hasEscapes else { return type.append(text.extracting(quoted.content), to: &self) }
    var plain: [UInt8] = []
    plain.reserveCapacity(quoted.content.count)
    QuotedText.unescape(text, quoted.content, into: &plain)
    return type.append(plain.span, to: &self)
  }

  /// `1 2 3` becomes `[1, 2, 3]`, an empty text `[]`.
  mutating func write(vector text: Span<UInt8>, of element: CanonicalType) -> Bool {
    raw(UInt8(ascii: "["))
    var at = 0
    while at < text.count {
      let end = text.first(UInt8(ascii: " "), from: at) ?? text.count
      if at > 0 { raw(", ") }
      guard element.append(text.extracting(at..<end), to: &self) else { return false }
      at = end + 1
    }
    raw(UInt8(ascii: "]"))
    return true
  }

  /// `(1,"a b",)` becomes `{"id": 1, "name": "a b", "other": null}`.
  /// - Returns: false for what does not have the attributes of `row`; something may have been written then.
  mutating func write(composite text: Span<UInt8>, _ row: CanonicalRow) -> Bool {
    guard text.count >= 2, text[0] == UInt8(ascii: "("), text[text.count - 1] == UInt8(ascii: ")") else { return false }
    guard text.count > 2 || row.count > 0 else { return row.append(text, [], to: &self) }
    let end = text.count - 1
    var fields: [CanonicalRow.Field] = []
    fields.reserveCapacity(row.count)
    var hasEscapes = false
    var at = 1
    while true {
      let start = at
      if at < end, text[at] == UInt8(ascii: "\"") {
        guard let quoted = QuotedText(text, at: at), quoted.end <= end else { return false }
        fields.append(.text(quoted.content))
        hasEscapes = hasEscapes || quoted.hasEscapes
        at = quoted.end
      } else {
        at = min(text.first(UInt8(ascii: ","), from: at) ?? end, end)
        fields.append(at > start ? .text(start..<at) : .null)
      }
      if at == end { break }
      guard text[at] == UInt8(ascii: ",") else { return false }
      at += 1
    }
    guard fields.count == row.count else { return false }
    guard hasEscapes else { return row.append(text, fields, to: &self) }
    var plain: [UInt8] = []
    plain.reserveCapacity(text.count)
    for index in fields.indices {
      guard case .text(let content) = fields[index] else { continue }
      let start = plain.count
      QuotedText.unescape(text, content, into: &plain)
      fields[index] = .text(start..<plain.count)
    }
    return row.append(plain.span, fields, to: &self)
  }

  /// `"a"=>"1", "b"=>NULL` becomes `{"a": "1", "b": null}`; both keep their keys in one order.
  mutating func write(hstore text: Span<UInt8>) -> Bool {
    raw(UInt8(ascii: "{"))
    var at = 0
    while at < text.count {
      if at > 0 {
        guard text.has(", ", at: at) else { return false }
        raw(", ")
        at += 2
      }
      guard at < text.count, text[at] == UInt8(ascii: "\""), let key = QuotedText(text, at: at),
        text.has("=>", at: key.end), write(key, of: text, as: .text)
      else { return false }
      raw(": ")
      at = key.end + 2
      if text.has("NULL", at: at) {
        raw("null")
        at += 4
      } else {
        guard at < text.count, text[at] == UInt8(ascii: "\""), let value = QuotedText(text, at: at),
          write(value, of: text, as: .text)
        else { return false }
        at = value.end
      }
    }
    raw(UInt8(ascii: "}"))
    return true
  }
}
