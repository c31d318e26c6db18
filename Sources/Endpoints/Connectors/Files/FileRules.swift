import Changes
import Files
import JSON
import YAML

/// Where an object's records are, and how they are written there.
struct FileRules: Sendable {
  /// As it is written: a path, a pattern of paths, or a URL.
  var path: String
  var format: FileFormat
  /// The fields that tell records apart; dotted paths where records have fields within fields.
  var id = ["id"]
  var csv = CSVDialect()
  /// Nil: UTF-8, or what a byte order mark or the XML declaration says.
  var encoding: String?
  /// Where in the document the records are: a dotted path in JSON, names of elements with slashes in XML.
  var items = ""
  /// Whether a record that is not there any more was deleted.
  var tellsDeletes = true
  /// The share of the records that may be gone at once without asking.
  var mayBeGone = PollSettings.usualDeletes
  /// Whether a file that is not there is one without records.
  var makesFile = false
  var mostBytes: Int64 = Self.usualBytes

  /// Far above what is exchanged as a file, far below what fills a disk with its copy.
  static let usualBytes: Int64 = 2_000_000_000

  var itemPath: [String] { items.split(separator: "/").map(String.init) }
  var isPattern: Bool { !isURL && path.contains { "*?[".contains($0) } }
  var isURL: Bool { path.lowercased().hasPrefix("http://") || path.lowercased().hasPrefix("https://") }
}

extension FileRules {
  /// The key that a record's fields give; nil where one of them is missing or empty.
  func key(in fields: JSONObject) -> RecordKey? {
    // In a CSV file a name with a dot is one name.
    let values = id.map { path in format == .csv ? fields[path] : JSONValue.object(fields).at(path) }
    let texts = values.map { value in value.flatMap { $0.isNull ? nil : $0.plainText } ?? "" }
    return texts.contains("") ? nil : RecordKey(texts.map { .string($0) })
  }

  private enum Absent: String, CaseIterable { case delete, keep }

  init?(_ reader: YAMLReader) {
    let path = reader.required("path", hint: "a path, a pattern such as inbox/*.csv, or a URL")
    let named = path?.string()
    let written = reader["format"]
    let format = written.map { $0.choice(FileFormat.self) } ?? named.flatMap { FileFormat(path: $0) }
    if written == nil, let path, let named, FileFormat(path: named) == nil {
      path.report(
        "files.format", "the name does not say what is in it",
        hint: "add format: \(FileFormat.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    let id = reader["id"].map { Self.id($0) } ?? .some(["id"])
    let csv = reader["csv"].map { $0.mapping { CSVDialect($0) } } ?? .some(CSVDialect())
    let encoding = reader["encoding"]?.string()
    let items = reader["items"]?.string() ?? ""
    let absent = reader["absent"]?.choice(Absent.self)
    let mayBeGone = reader["deletes"].map { $0.share() } ?? .some(PollSettings.usualDeletes)
    let makesFile = reader["create"]?.bool() ?? false
    let mostBytes = reader["max_bytes"].map { $0.bytes(in: 1...1_000_000_000_000) } ?? .some(Self.usualBytes)
    guard let named, let format, let id, let csv, let mayBeGone, let mostBytes else { return nil }
    self.init(
      path: named, format: format, id: id, csv: csv, encoding: encoding, items: items,
      tellsDeletes: absent.map { $0 == .delete } ?? format.tellsDeletes, mayBeGone: mayBeGone, makesFile: makesFile,
      mostBytes: mostBytes)
    check(reader)
  }

  private static func id(_ value: YAMLValue) -> [String]? {
    guard case .sequence = value.node.content else { return value.string().map { [$0] } }
    guard let names = value.list({ $0.string() }) else { return nil }
    if names.isEmpty { value.report("files.id", "expected the fields that tell records apart") }
    return names.isEmpty ? nil : names
  }

  /// What does not go together.
  private func check(_ reader: YAMLReader) {
    if format != .csv { reader["csv"]?.report("files.format", "only CSV has such settings") }
    if !format.tellsDeletes {
      reader["id"]?.report("files.id", "the entries of a feed have ids of their own", hint: "leave it out")
    }
    switch format {
    case .xml where itemPath.count < 2:
      reader.report("files.items", "XML needs the way to its records", hint: "for example items: catalog/product")
    case .csv, .ndjson, .rss, .atom:
      reader["items"]?.report("files.items", "only in JSON and XML records have to be looked for")
    case .xml, .json: break
    }
    if let encoding, TextDecoder(encoding: encoding) == nil {
      reader["encoding"]?.report(
        "files.encoding", "there is no encoding \"\(encoding)\"", hint: "for example windows-1252")
    }
    if makesFile, isPattern || isURL || !format.isWritable {
      reader["create"]?.report("files.create", "only one file, and no feed, can be made")
    }
  }
}

extension CSVDialect {
  fileprivate init?(_ reader: YAMLReader) {
    let usual = CSVDialect()
    let delimiter = reader["delimiter"].map { $0.character() } ?? .some(usual.delimiter)
    let quote = reader["quote"].map { $0.character() } ?? .some(usual.quote)
    let hasHeader = reader["header"]?.bool() ?? true
    let columns = reader["columns"]?.list { $0.string() } ?? []
    let formulas = reader["formulas"]?.choice(Formulas.self) ?? .escape
    if hasHeader {
      reader["columns"]?.report("files.csv", "the file's first line names the columns", hint: "or add header: false")
    } else if columns.isEmpty {
      reader.report("files.csv", "without a header the columns have to be named", hint: "columns: [sku, name]")
    }
    guard let delimiter, let quote else { return nil }
    if delimiter == quote { reader.report("files.csv", "the delimiter and the quote are the same") }
    self.init(delimiter: delimiter, quote: quote, hasHeader: hasHeader, columns: columns, formulas: formulas)
  }
}

extension YAMLValue {
  /// One ASCII character that ends no line; `tab` for that one.
  fileprivate func character() -> UInt8? {
    guard let text = string() else { return nil }
    if text == "tab" { return 0x09 }
    guard text.utf8.count == 1, let byte = text.utf8.first, byte >= 0x20 || byte == 0x09, byte < 0x7F else {
      report("files.csv", "expected one character, or tab")
      return nil
    }
    return byte
  }

  /// `20%` as 0.2.
  fileprivate func share() -> Double? {
    guard let text = string() else { return nil }
    guard text.hasSuffix("%"), let percent = Int(text.dropLast()), (0...100).contains(percent) else {
      report("files.deletes", "expected a share like 20%, got \"\(text)\"", hint: "from 0% to 100%")
      return nil
    }
    return Double(percent) / 100
  }
}
