import JSON

/// Reads newline-delimited JSON: one object a line. Empty lines are passed over.
struct NDJSONParser: RecordParser {
  private(set) var layout = FileLayout()
  private let id: [String]
  private var rest: [UInt8] = []
  private var line = 0

  init(id: [String]) { self.id = id }

  mutating func feed(_ bytes: [UInt8], isLast: Bool) throws(FormatError) -> [ParsedRecord] {
    var found: [ParsedRecord] = []
    var start = 0
    while let end = bytes[start...].firstIndex(of: 0x0A) {
      if let record = try record(rest + bytes[start..<end]) { found.append(record) }
      rest = []
      start = end + 1
    }
    rest += bytes[start...]
    guard rest.count <= mostRecordBytes else {
      throw FormatError("line \(line + 1) is longer than \(mostRecordBytes) bytes")
    }
    if isLast, let record = try record(rest) { found.append(record) }
    return found
  }

  private mutating func record(_ text: [UInt8]) throws(FormatError) -> ParsedRecord? {
    line += 1
    guard text.contains(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }) else { return nil }
    do { return ParsedRecord(try JSONObject(parsing: text), id: id) } catch {
      throw FormatError("line \(line), byte \(error.offset): \(error.reason)")
    }
  }
}

/// Reads one JSON document: an array of objects as it comes, or an object with such an array at a path, held whole.
struct JSONDocumentParser: RecordParser {
  private(set) var layout = FileLayout()
  private let id: [String]
  /// A dotted path; empty where the document is the array.
  private let items: String
  private var scanner = JSONArrayScanner()
  private var document: [UInt8] = []
  private var records = 0

  /// A document with its records at a path is held whole while it is read.
  static let mostDocumentBytes = 64 << 20

  init(id: [String], items: String) {
    self.id = id
    self.items = items
  }

  mutating func feed(_ bytes: [UInt8], isLast: Bool) throws(FormatError) -> [ParsedRecord] {
    guard items.isEmpty else { return try hold(bytes, isLast: isLast) }
    var found: [ParsedRecord] = []
    for element in try scanner.feed(bytes, isLast: isLast) {
      let value: JSONValue
      do { value = try JSONValue(parsing: element) } catch {
        throw FormatError("record \(records + 1), byte \(error.offset) of it: \(error.reason)")
      }
      found.append(try record(value))
    }
    return found
  }

  private mutating func hold(_ bytes: [UInt8], isLast: Bool) throws(FormatError) -> [ParsedRecord] {
    document += bytes
    guard document.count <= Self.mostDocumentBytes else {
      throw FormatError("a document with `items` may have \(Self.mostDocumentBytes) bytes, and this one is larger")
    }
    guard isLast else { return [] }
    let value: JSONValue
    do { value = try JSONValue(parsing: document) } catch {
      throw FormatError("byte \(error.offset): \(error.reason)")
    }
    document = []
    guard let elements = value.at(items)?.arrayValue else { throw FormatError("there is no list at \"\(items)\"") }
    layout.envelope = value.setting(.array([]), at: items)
    var found: [ParsedRecord] = []
    for element in elements { found.append(try record(element)) }
    return found
  }

  private mutating func record(_ value: JSONValue) throws(FormatError) -> ParsedRecord {
    records += 1
    guard let fields = value.objectValue else { throw FormatError("record \(records) is no object") }
    return ParsedRecord(fields, id: id)
  }
}

/// Finds the elements of a JSON array as its bytes come, without looking into them.
struct JSONArrayScanner {
  private enum Place {
    case before, inside, after
  }
  private var place = Place.before
  private var element: [UInt8] = []
  private var depth = 0
  private var isInString = false
  private var isEscaped = false
  private var count = 0
  private var endsWithComma = false

  mutating func feed(_ bytes: [UInt8], isLast: Bool) throws(FormatError) -> [[UInt8]] {
    var found: [[UInt8]] = []
    for byte in bytes { if let element = try take(byte) { found.append(element) } }
    if isLast, place != .after {
      throw FormatError(place == .before ? "it holds no JSON array" : "the array ends in the middle")
    }
    return found
  }

  private mutating func take(_ byte: UInt8) throws(FormatError) -> [UInt8]? {
    if isInString {
      isInString = isEscaped || byte != UInt8(ascii: "\"")
      isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
      try append(byte)
      return nil
    }
    let isSpace = byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    switch (place, byte) {
    case (.before, UInt8(ascii: "[")): place = .inside
    case (.inside, UInt8(ascii: ",")) where depth == 0:
      endsWithComma = true
      return try end(mayBeEmpty: false)
    case (.inside, UInt8(ascii: "]")) where depth == 0:
      place = .after
      return try end(mayBeEmpty: !endsWithComma)
    case (.inside, _):
      if isSpace, element.isEmpty { return nil }
      if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") { depth += 1 }
      if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") { depth -= 1 }
      guard depth >= 0 else { throw FormatError("after record \(count): a bracket too many") }
      isInString = byte == UInt8(ascii: "\"")
      try append(byte)
    default: if !isSpace { throw FormatError(place == .before ? "it is no JSON array" : "something follows the array") }
    }
    return nil
  }

  private mutating func append(_ byte: UInt8) throws(FormatError) {
    guard element.count < mostRecordBytes else {
      throw FormatError("record \(count + 1) is larger than \(mostRecordBytes) bytes")
    }
    element.append(byte)
  }

  private mutating func end(mayBeEmpty: Bool) throws(FormatError) -> [UInt8]? {
    defer { element = [] }
    if element.isEmpty {
      guard mayBeEmpty else { throw FormatError("after record \(count): a comma too many") }
      return nil
    }
    count += 1
    return element
  }
}
