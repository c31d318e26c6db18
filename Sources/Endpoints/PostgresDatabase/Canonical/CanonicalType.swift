package import JSON

/// How the text that the server's output function gives for a type becomes what `to_jsonb` shows for the same value.
///
/// It follows the server's own rule (`jsonb_categorize_type` in `jsonb.c`): a few types have a JSON form of their own,
/// all others are strings. The text must come from a session with the settings every session of `PostgresDatabase`
/// has: TimeZone UTC, DateStyle ISO, IntervalStyle postgres, extra_float_digits 1, bytea_output hex, lc_monetary C.
package indirect enum CanonicalType: Sendable {
  case boolean
  /// Whole numbers, `numeric` and floats: every digit is kept, `NaN` and the infinities are strings.
  case number
  /// With or without time zone.
  case timestamp
  /// A string: also dates and whatever the server knows no other form for.
  case text
  /// Written as `jsonb` would hold it.
  case json
  /// The server's own JSON, copied without a look at it.
  case jsonb
  /// The extension's type: an object of strings.
  case hstore
  /// - delimiter: `pg_type.typdelim` of the element.
  case array(of: CanonicalType, delimiter: UInt8)
  /// `int2vector` and `oidvector`, whose text is neither quoted nor in braces.
  case vector(of: CanonicalType)
  case composite(CanonicalRow)
  /// A type with a cast to `json` of its own, which only the server can carry out. Named as SQL writes it.
  case unsupported(String)
}

extension CanonicalType {
  /// Whether a text of this type can be turned into what `to_jsonb` shows.
  package var isSupported: Bool {
    switch self {
    case .unsupported: false
    case .array(let element, _): element.isSupported
    case .composite(let row): row.unsupportedColumns.isEmpty
    default: true
    }
  }

  /// Appends what `to_jsonb(value)::text` shows for the value whose output is `text`.
  ///
  /// - Returns: false where `text` is not of this type (the type was altered since it was loaded, or the value is one
  ///   that `jsonb` refuses) or the type is unsupported; what was appended is then the text as a JSON string.
  package func append(_ text: Span<UInt8>, to writer: inout JSONWriter) -> Bool {
    let start = writer.count
    if convert(text, to: &writer) { return true }
    writer.truncate(to: start)
    writer.write(string: text)
    return false
  }

  /// - Returns: false after any part of the value may have been written.
  private func convert(_ text: Span<UInt8>, to writer: inout JSONWriter) -> Bool {
    switch self {
    case .text:
      writer.write(string: text)
      return true
    case .number: return writer.write(number: text)
    case .timestamp: return writer.write(timestamp: text)
    case .boolean: return writer.write(boolean: text)
    case .jsonb:
      writer.raw(text)
      return true
    case .json:
      var normal = JSONNormalizer()
      return normal.append(text, to: &writer)
    case .hstore: return writer.write(hstore: text)
    case .array(let element, let delimiter): return writer.write(array: text, of: element, delimiter: delimiter)
    case .vector(let element): return writer.write(vector: text, of: element)
    case .composite(let row): return writer.write(composite: text, row)
    case .unsupported: return false
    }
  }
}

extension JSONWriter {
  fileprivate mutating func write(boolean text: Span<UInt8>) -> Bool {
    guard text.count == 1 else { return false }
    switch text[0] {
    case UInt8(ascii: "t"): raw("true")
    case UInt8(ascii: "f"): raw("false")
    default: return false
    }
    return true
  }

  /// `2026-11-24 09:20:23.5+00 BC` becomes `"2026-11-24T09:20:23.5+00:00 BC"`, `infinity` stays.
  fileprivate mutating func write(timestamp text: Span<UInt8>) -> Bool {
    var space = 10
    if text.count <= space || text[space] != UInt8(ascii: " ") {
      guard let place = text.first(UInt8(ascii: " "), from: 0) else {
        write(string: text)
        return text.isEqual("infinity") || text.isEqual("-infinity")
      }
      space = place
    }
    var end = text.count
    if text[end - 1] == UInt8(ascii: "C") { end -= 3 }
    guard end - 3 > space else { return false }
    raw(UInt8(ascii: "\""))
    escaped(text.extracting(..<space))
    raw(UInt8(ascii: "T"))
    escaped(text.extracting((space + 1)..<end))
    // A zone of whole hours is written without minutes; without a zone a colon, a digit or a point stands there.
    let sign = text[end - 3]
    if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { raw(":00") }
    if end < text.count { escaped(text.extracting(end...)) }
    raw(UInt8(ascii: "\""))
    return true
  }
}

extension Span where Element == UInt8 {
  /// Where `byte` stands first at or after `start`.
  func first(_ byte: UInt8, from start: Int) -> Int? {
    var at = start
    while at < count {
      if self[at] == byte { return at }
      at += 1
    }
    return nil
  }

  /// Whether `word`, which is ASCII, stands at `start`.
  func has(_ word: StaticString, at start: Int) -> Bool {
    guard start + word.utf8CodeUnitCount <= count else { return false }
    for offset in 0..<word.utf8CodeUnitCount where self[start + offset] != word.utf8Start[offset] { return false }
    return true
  }

  func isEqual(_ word: StaticString) -> Bool { count == word.utf8CodeUnitCount && has(word, at: 0) }
}
