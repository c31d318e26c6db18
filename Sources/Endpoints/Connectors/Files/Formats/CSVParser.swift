import JSON

/// Reads CSV (RFC 4180) in UTF-8, with lines that end in CRLF, LF or CR.
///
/// Every value is text. An empty field is null and an empty field in quotes is empty text, as PostgreSQL's COPY has it.
/// Empty lines are passed over. A record with more or fewer fields than there are columns is an error: somewhere before it a
/// delimiter or a quote is wrong.
struct CSVParser: RecordParser {
  private(set) var layout = FileLayout()
  private let dialect: CSVDialect
  private let id: [String]
  private var idPlaces: [Int] = []
  private var labels: [[UInt8]] = []

  private enum State {
    case fieldStart, plain, quoted, quoteInQuoted
  }
  private struct Field {
    var bytes: [UInt8] = []
    var isQuoted = false
  }
  private var state = State.fieldStart
  private var field = Field()
  private var fields: [Field] = []
  private var recordBytes = 0
  private var line = 1
  private var records = 0
  private var endsWithReturn = false

  /// - Parameter id: the columns that tell records apart.
  init(_ dialect: CSVDialect, id: [String]) throws(FormatError) {
    self.dialect = dialect
    self.id = id
    if !dialect.hasHeader { try begin(dialect.columns) }
  }

  mutating func feed(_ bytes: [UInt8], isLast: Bool) throws(FormatError) -> [ParsedRecord] {
    var found: [ParsedRecord] = []
    for byte in bytes { if let record = try take(byte) { found.append(record) } }
    guard isLast else { return found }
    if state == .quoted { throw FormatError("a quote is not closed, or the file ends in the middle") }
    if !(fields.isEmpty && state == .fieldStart), let record = try endRecord() { found.append(record) }
    if labels.isEmpty { throw FormatError("it has no line that names the columns") }
    return found
  }

  private mutating func take(_ byte: UInt8) throws(FormatError) -> ParsedRecord? {
    let isSecondHalf = endsWithReturn && byte == 0x0A
    endsWithReturn = false
    if byte == 0x0A || byte == 0x0D, !isSecondHalf { line += 1 }
    if state == .quoted {
      // Inside quotes nothing else means anything; a CRLF there was counted by its first half.
      endsWithReturn = byte == 0x0D
      if byte == dialect.quote { state = .quoteInQuoted } else { try append(byte) }
      return nil
    }
    if isSecondHalf {
      if records == 0 { layout.newline = "\r\n" }
      return nil
    }
    switch byte {
    case dialect.quote where state == .fieldStart:
      state = .quoted
      field.isQuoted = true
    case dialect.quote where state == .quoteInQuoted:
      state = .quoted
      try append(byte)
    case dialect.delimiter: endField()
    case 0x0A, 0x0D:
      endsWithReturn = byte == 0x0D
      return try endRecord()
    default:
      guard state != .quoteInQuoted else { throw FormatError("line \(line): something follows a closing quote") }
      state = .plain
      try append(byte)
    }
    return nil
  }

  private mutating func append(_ byte: UInt8) throws(FormatError) {
    recordBytes += 1
    guard recordBytes <= mostRecordBytes else {
      throw FormatError("line \(line): a record is larger than \(mostRecordBytes) bytes; is a quote not closed?")
    }
    field.bytes.append(byte)
  }

  private mutating func endField() {
    fields.append(field)
    field = Field()
    state = .fieldStart
  }

  private mutating func endRecord() throws(FormatError) -> ParsedRecord? {
    let isEmptyLine = fields.isEmpty && state == .fieldStart
    endField()
    defer {
      fields.removeAll(keepingCapacity: true)
      recordBytes = 0
    }
    if isEmptyLine { return nil }
    guard !labels.isEmpty else {
      var names: [String] = []
      for field in fields { names.append(try text(field.bytes)) }
      try begin(names)
      return nil
    }
    records += 1
    return try record()
  }

  private mutating func begin(_ names: [String]) throws(FormatError) {
    if let place = names.firstIndex(of: "") { throw FormatError("column \(place + 1) has no name") }
    guard Set(names).count == names.count else { throw FormatError("two columns have the same name") }
    for name in id {
      guard let place = names.firstIndex(of: name) else {
        throw FormatError(
          "there is no column \"\(name)\" to tell records by; there are \(names.joined(separator: ", "))")
      }
      idPlaces.append(place)
    }
    layout.columns = names
    labels = names.enumerated().map { index, name in
      var writer = JSONWriter()
      writer.raw(index == 0 ? "{" : ",")
      writer.write(string: name.utf8)
      writer.raw(":")
      return writer.bytes
    }
  }

  private func record() throws(FormatError) -> ParsedRecord {
    guard fields.count == labels.count else {
      throw FormatError("record \(records), before line \(line): \(fields.count) fields in \(labels.count) columns")
    }
    var writer = JSONWriter(reserving: recordBytes + 24 * labels.count)
    var values: [Int: String] = [:]
    for (place, field) in fields.enumerated() {
      writer.raw(labels[place])
      if field.bytes.isEmpty, !field.isQuoted {
        writer.raw("null")
        continue
      }
      let text = try text(dialect.formulas == .escape ? SpreadsheetFormula.unescaped(field.bytes) : field.bytes)
      writer.write(string: text.utf8)
      if idPlaces.contains(place) { values[place] = text }
    }
    writer.raw("}")
    let id = idPlaces.map { values[$0] ?? "" }
    return ParsedRecord(id: id.contains("") ? nil : id, row: writer.bytes)
  }

  private func text(_ bytes: [UInt8]) throws(FormatError) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw FormatError("before line \(line): a text is not UTF-8; say what it is with `encoding`")
    }
    return text
  }
}
