import JSON
import XML

/// Writes a file's records as its format has them, in UTF-8. Records are given in the form of `FileRules.normalized`.
struct RecordWriter {
  private let rules: FileRules
  private let layout: FileLayout
  private var xml = XMLWriter(isIndented: true)
  private var isFirst = true
  /// What a JSON document has before and after its records.
  private var frame: (before: [UInt8], after: [UInt8]) = ([], [])

  init(_ rules: FileRules, _ layout: FileLayout) {
    self.rules = rules
    self.layout = layout
    if rules.format == .json { frame = Self.frame(layout.envelope, at: rules.items) }
  }

  /// What comes before the first record.
  mutating func beginning() throws(XMLError) -> [UInt8] {
    let mark: [UInt8] = layout.hasByteOrderMark ? [0xEF, 0xBB, 0xBF] : []
    switch rules.format {
    case .csv:
      guard rules.csv.hasHeader else { return mark }
      return mark + line(layout.columns.map { csv(Array($0.utf8)) })
    case .json: return frame.before
    case .xml:
      let root = layout.root ?? FileLayout.XMLRoot(name: rules.itemPath.first ?? "records")
      let namespace = root.namespace.map { [("xmlns", $0)] } ?? []
      xml.declaration()
      try xml.start(root.name, namespace + root.attributes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
      return xml.drain()
    case .ndjson, .rss, .atom: return mark
    }
  }

  mutating func record(_ fields: JSONObject) throws(XMLError) -> [UInt8] {
    defer { isFirst = false }
    switch rules.format {
    case .csv:
      return line(
        layout.columns.map { name in
          switch fields[name] {
          case .string(let text)?: csv(Array(text.utf8))
          default: []
          }
        })
    case .json: return Array((isFirst ? "\n" : ",\n").utf8) + fields.bytes
    case .ndjson: return fields.bytes + Array("\n".utf8)
    case .xml:
      try write(rules.itemPath.last ?? "record", .object(fields))
      return xml.drain()
    case .rss, .atom: return []
    }
  }

  /// What comes after the last record.
  mutating func end() -> [UInt8] {
    switch rules.format {
    case .json: return (isFirst ? [] : Array("\n".utf8)) + frame.after
    case .xml:
      xml.end()
      return xml.drain()
    case .csv, .ndjson, .rss, .atom: return []
    }
  }

  private func line(_ fields: [[UInt8]]) -> [UInt8] {
    Array(fields.joined(separator: [rules.csv.delimiter])) + Array(layout.newline.utf8)
  }

  /// A text that is not null. In quotes where it would be read as something else without, and where it is empty.
  private func csv(_ text: [UInt8]) -> [UInt8] {
    let (dialect, quote) = (rules.csv, rules.csv.quote)
    let written = dialect.formulas == .escape ? SpreadsheetFormula.escaped(text) : text
    let isPlain =
      written == text && !text.isEmpty && text.first != 0x20 && text.last != 0x20
      && text.allSatisfy { $0 != dialect.delimiter && $0 != quote && $0 != 0x0A && $0 != 0x0D }
    guard !isPlain else { return written }
    return [quote] + written.flatMap { $0 == quote ? [quote, quote] : [$0] } + [quote]
  }

  private static func frame(_ envelope: JSONValue?, at path: String) -> (before: [UInt8], after: [UInt8]) {
    guard !path.isEmpty else { return (Array("[".utf8), Array("]\n".utf8)) }
    // The envelope is cut where a text stands that nothing else in it is.
    var mark = "records"
    let text = envelope?.text ?? "{}"
    while text.contains(mark) { mark += "#" }
    let marked = Array((envelope ?? .object([:])).setting(.string(mark), at: path).text.utf8)
    let label = JSONValue.string(mark).bytes
    guard let place = marked.firstRange(of: label) else { return (Array("[".utf8), Array("]\n".utf8)) }
    return (
      marked[..<place.lowerBound] + Array("[".utf8), Array("]".utf8) + marked[place.upperBound...] + Array("\n".utf8)
    )
  }

  private mutating func write(_ name: String, _ value: JSONValue) throws(XMLError) {
    switch value {
    case .array(let elements): for element in elements { try write(name, element) }
    case .object(let fields):
      let attributes = fields.members.filter { $0.name.hasPrefix("@") }
      try xml.start(name, attributes.map { (String($0.name.dropFirst()), $0.value.plainText) })
      for member in fields.members where !member.name.hasPrefix("@") {
        if member.name == "#text" { try xml.text(member.value.plainText) } else { try write(member.name, member.value) }
      }
      xml.end()
    default: try xml.element(name, text: value.plainText)
    }
  }
}

extension FileRules {
  /// The fields as they are read back once they were written: a CSV file holds texts, XML has neither null nor a list of
  /// one. What comes back different from what was written is this and nothing else.
  /// - Throws: `FormatError` for what the format cannot hold.
  func normalized(_ fields: JSONObject) throws(FormatError) -> JSONObject {
    switch format {
    case .csv: return JSONObject(fields.members.map { ($0.name, Self.cell($0.value)) })
    case .xml:
      let normal = try Self.xmlFields(fields)
      var writer = XMLWriter()
      // Whatever XML cannot hold shows when it is written.
      do { try Self.trial(normal, &writer) } catch { throw FormatError("a field holds \(error.reason)") }
      return normal
    case .json, .ndjson, .rss, .atom: return fields
    }
  }

  private static func cell(_ value: JSONValue) -> JSONValue {
    switch value {
    case .null, .string: value
    default: .string(value.text)
    }
  }

  private static func xmlFields(_ fields: JSONObject) throws(FormatError) -> JSONObject {
    var result = JSONObject()
    for member in fields.members {
      let isText = member.name.hasPrefix("@") || member.name == "#text"
      guard isText || XMLWriter.isName(member.name) && !member.name.contains(":") else {
        throw FormatError("the field \"\(member.name)\" cannot name an element")
      }
      guard let value = try xmlValue(member.value) else { continue }
      if isText, value.stringValue == nil { throw FormatError("the field \"\(member.name)\" is no text") }
      result[member.name] = value
    }
    return result
  }

  private static func xmlValue(_ value: JSONValue) throws(FormatError) -> JSONValue? {
    switch value {
    case .null: return nil
    case .string: return value
    case .number, .bool: return .string(value.text)
    case .array(let elements):
      var kept: [JSONValue] = []
      for element in elements {
        if case .array = element { throw FormatError("a list within a list cannot be written as XML") }
        if let value = try xmlValue(element) { kept.append(value) }
      }
      return kept.count > 1 ? .array(kept) : kept.first
    case .object(let fields):
      let normal = try xmlFields(fields)
      if normal.isEmpty { return .string("") }
      return normal.count == 1 && normal["#text"] != nil ? normal["#text"] : .object(normal)
    }
  }

  private static func trial(_ fields: JSONObject, _ writer: inout XMLWriter) throws(XMLError) {
    try writer.start("r")
    for member in fields.members { try trial(member, &writer) }
    writer.end()
  }

  private static func trial(_ member: (name: String, value: JSONValue), _ writer: inout XMLWriter) throws(XMLError) {
    switch member.value {
    case .array(let elements): for element in elements { try trial((member.name, element), &writer) }
    case .object(let fields): try trial(fields, &writer)
    default:
      if member.name.hasPrefix("@") {
        try writer.start("a", [(String(member.name.dropFirst()), member.value.plainText)])
        writer.end()
      } else {
        try writer.text(member.value.plainText)
      }
    }
  }
}
