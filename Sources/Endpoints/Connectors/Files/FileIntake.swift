import Changes
import Files
import JSON
import SQLite
import XML

/// Takes the bytes of one file and puts its records into a copy: whatever it is written in, and whatever it is.
struct FileIntake {
  private let rules: FileRules
  private let session: SQLiteSession
  /// Which of the object's files this is.
  private let number: Int
  private var parser: any RecordParser
  private var decoder: TextDecoder?
  /// The first bytes, until there are enough to tell a byte order mark.
  private var beginning: [UInt8]? = []
  private var hasByteOrderMark = false
  private var records = 0
  private var bytes: Int64 = 0

  init(_ rules: FileRules, into session: SQLiteSession, number: Int) throws(FormatError) {
    self.rules = rules
    self.session = session
    self.number = number
    decoder = rules.encoding.flatMap { TextDecoder(encoding: $0) }
    parser = try Self.parser(rules)
  }

  private static func parser(_ rules: FileRules) throws(FormatError) -> any RecordParser {
    // What was decoded here is UTF-8 whatever the document says.
    let encoding = rules.encoding == nil ? nil : "UTF-8"
    var limits = XMLLimits()
    limits.bytes = Int(clamping: rules.mostBytes)
    return switch rules.format {
    case .csv: try CSVParser(rules.csv, id: rules.id)
    case .ndjson: NDJSONParser(id: rules.id)
    case .json: JSONDocumentParser(id: rules.id, items: rules.items)
    case .xml: XMLRecordParser(path: rules.itemPath, id: rules.id, encoding: encoding, limits: limits)
    case .rss, .atom: FeedParser(rules.format, encoding: encoding, limits: limits)
    }
  }

  var layout: FileLayout {
    var layout = parser.layout
    layout.hasByteOrderMark = hasByteOrderMark
    if let encoding = rules.encoding, encoding.lowercased() != "utf-8" {
      layout.obstacle = layout.obstacle ?? "it is not written in UTF-8"
    } else if decoder != nil, rules.encoding == nil {
      layout.obstacle = layout.obstacle ?? "it is written in UTF-16"
    }
    return layout
  }

  /// - Throws: `FormatError` for what is wrong with the content.
  mutating func feed(_ chunk: [UInt8], isLast: Bool = false) throws {
    bytes += Int64(chunk.count)
    guard bytes <= rules.mostBytes else { throw FormatError("it is larger than \(rules.mostBytes) bytes (max_bytes)") }
    guard let first = beginning else { return try take(chunk, isLast: isLast) }
    let known = first + chunk
    guard known.count >= 3 || isLast else {
      beginning = known
      return
    }
    beginning = nil
    try take(withoutMark(known), isLast: isLast)
  }

  /// A byte order mark says what a text is in, and is no part of it.
  private mutating func withoutMark(_ bytes: [UInt8]) -> [UInt8] {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
      hasByteOrderMark = true
      return Array(bytes.dropFirst(3))
    }
    guard rules.encoding == nil, !rules.format.isXML else { return bytes }
    if bytes.starts(with: [0xFF, 0xFE]) {
      decoder = TextDecoder(encoding: "UTF-16LE")
      return Array(bytes.dropFirst(2))
    }
    if bytes.starts(with: [0xFE, 0xFF]) {
      decoder = TextDecoder(encoding: "UTF-16BE")
      return Array(bytes.dropFirst(2))
    }
    return bytes
  }

  private mutating func take(_ chunk: [UInt8], isLast: Bool) throws {
    var text = chunk
    if let decoder {
      do { text = try decoder.decode(chunk, isLast: isLast) } catch {
        throw FormatError("after record \(records): it is not written in the encoding it should be in")
      }
    }
    for record in try parser.feed(text, isLast: isLast) { try put(record) }
  }

  private mutating func put(_ record: ParsedRecord) throws {
    records += 1
    guard let id = record.id else {
      throw FormatError("record \(records) has no \(rules.id.joined(separator: " and ")) to tell it by")
    }
    let key = RecordKey(id.map { .string($0) }).encoded
    try session.execute(
      "INSERT OR IGNORE INTO records (key, file, row) VALUES (?, ?, ?)",
      [.text(key), .integer(Int64(number)), .text(record.row)])
    guard session.changes == 0 else { return }
    let before = try session.first("SELECT file FROM records WHERE key = ?", [.text(key)]) { Int($0.integer(0)) }
    guard before == number else {
      // The file whose name comes later is the later one.
      return try session.execute(
        "UPDATE records SET file = ?, row = ? WHERE key = ?", [.integer(Int64(number)), .text(record.row), .text(key)])
    }
    // A feed that shows an entry twice shows the newer one first.
    guard !rules.format.tellsDeletes else { throw FormatError("record \(records) has the same id as one before it") }
  }
}
