import JSON

/// How a file holds records.
enum FileFormat: String, Sendable, CaseIterable {
  case csv, json, ndjson, xml, rss, atom

  /// What a name's ending says.
  init?(path: String) {
    let name = path.prefix { $0 != "?" && $0 != "#" }
    guard let dot = name.lastIndex(of: ".") else { return nil }
    switch name[name.index(after: dot)...].lowercased() {
    case "csv": self = .csv
    case "json": self = .json
    case "ndjson", "jsonl": self = .ndjson
    case "xml": self = .xml
    case "rss": self = .rss
    case "atom": self = .atom
    default: return nil
    }
  }

  /// Feeds are read only: they are somebody's publication.
  var isWritable: Bool { self != .rss && self != .atom }

  /// A feed shows its newest entries; one that is not in it any more is not deleted by that.
  var tellsDeletes: Bool { self != .rss && self != .atom }

  /// XML says itself what it is written in.
  var isXML: Bool { self == .xml || self == .rss || self == .atom }
}

/// A record as a file holds it.
struct ParsedRecord {
  /// The values that tell it apart, as text; nil where one is missing or empty.
  var id: [String]?
  /// One JSON object.
  var row: [UInt8]

  init(id: [String]?, row: [UInt8]) {
    self.id = id
    self.row = row
  }

  /// - Parameter id: dotted paths.
  init(_ fields: JSONObject, id: [String]) {
    let values = id.map { path in JSONValue.object(fields).at(path).flatMap { $0.isNull ? nil : $0.plainText } ?? "" }
    self.init(id: values.contains("") ? nil : values, row: fields.bytes)
  }
}

/// What a file is besides its records, so that it can be written again as it was.
struct FileLayout: Sendable, Hashable {
  /// The columns of a CSV file in their order.
  var columns: [String] = []
  var newline = "\n"
  var hasByteOrderMark = false
  /// The JSON document around the records, which are left out of it.
  var envelope: JSONValue?
  /// The outermost element of an XML document.
  var root: XMLRoot?
  /// Why writing it again would lose something; nil where it would not.
  var obstacle: String?

  struct XMLRoot: Sendable, Hashable {
    var name: String
    var namespace: String?
    var attributes: [String: String] = [:]
  }
}

/// Takes a file's bytes as they come and gives its records.
protocol RecordParser {
  /// What was seen of the file so far besides its records.
  var layout: FileLayout { get }

  /// - Parameter isLast: there are no more bytes; the file must be whole by now.
  /// - Throws: `FormatError`, after which nothing more can be fed.
  mutating func feed(_ bytes: [UInt8], isLast: Bool) throws(FormatError) -> [ParsedRecord]
}

/// What is wrong with a file's content, and where. Never holds a value of it.
struct FormatError: Error, Hashable, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// The largest record that is read: beyond it a quote was not closed, or a file is something else than it is said to be.
let mostRecordBytes = 4 << 20
