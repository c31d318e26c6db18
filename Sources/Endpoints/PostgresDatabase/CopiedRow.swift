import Changes
import JSON
import Postgres

/// How the rows of a table come over COPY, and how its lines become canonical rows: no JSON is made by the server, which
/// would cost it three times the reading.
struct CopiedRow {
  /// What to select from the table called `t`.
  let list: String
  private let canonical: CanonicalRow
  /// Whether a column comes as the JSON that only the server can make of it.
  private let isJSON: [Bool]
  private let key: [(place: Int, type: CanonicalType)]
  private var line = CopyLine()

  /// - Returns: nil where the key is of a type whose JSON only the server can make.
  init?(_ shape: TableShape, _ session: PostgresSession) throws {
    let oids = try session.all(
      "SELECT attname, atttypid FROM pg_attribute WHERE attrelid = $1 AND attnum > 0", [.integer(shape.oid)]
    ) { ($0.string(0), UInt32(truncatingIfNeeded: $0.integer(1))) }
    let typeOIDs = Dictionary(oids) { first, _ in first }
    let known = try CanonicalType.load(typeOIDs.values, session)
    let columns = shape.columns.filter(\.isReadable).map { column in
      (name: column.name, type: typeOIDs[column.name].flatMap { known[$0] } ?? .unsupported(column.type))
    }
    canonical = CanonicalRow(columns)
    isJSON = columns.map { !$0.type.isSupported }
    list = columns.map { column in
      let value = "t.\(quoted(postgresIdentifier: column.name))"
      return column.type.isSupported ? value : "to_jsonb(\(value))::text"
    }.joined(separator: ", ")
    var key: [(place: Int, type: CanonicalType)] = []
    for name in shape.key {
      guard let place = columns.firstIndex(where: { $0.name == name }), columns[place].type.isSupported else {
        return nil
      }
      key.append((place, columns[place].type))
    }
    self.key = key
  }

  /// The rows of a COPY, until they are about `mostBytes`.
  /// - Returns: nil where a row cannot be read (see `row`); the transaction is then of no more use.
  mutating func rows(
    _ sql: String, stamp: Stamp, mostBytes: Int, _ session: PostgresSession
  ) throws -> (rows: [ReadRow], isWhole: Bool)? {
    var rows: [ReadRow] = []
    var bytes = 0
    var isReadable = true
    let isWhole = try session.copyOut(sql) { line in
      guard let row = try row(line, stamp: stamp) else {
        isReadable = false
        return false
      }
      rows.append(row)
      bytes += row.row.count
      return bytes < mostBytes
    }
    return isReadable ? (rows, isWhole) : nil
  }

  /// - Returns: nil where a text is not of its column's type: the type has changed since.
  mutating func row(_ text: Span<UInt8>, stamp: Stamp) throws -> ReadRow? {
    if line.read(text, isJSON: isJSON) { return try row(line.unescaped.span, line.fields, stamp) }
    return try row(text, line.fields, stamp)
  }

  private func row(_ bytes: Span<UInt8>, _ fields: [CanonicalRow.Field], _ stamp: Stamp) throws -> ReadRow? {
    guard fields.count == isJSON.count else { return nil }
    var writer = JSONWriter(reserving: bytes.count + 20 * fields.count)
    guard canonical.append(bytes, fields, to: &writer) else { return nil }
    var values: [JSONValue] = []
    values.reserveCapacity(key.count)
    for column in key {
      guard case .text(let range) = fields[column.place] else { return nil }
      values.append(try column.type.keyValue(bytes.extracting(range)))
    }
    return ReadRow(key: RecordKey(values), row: writer.bytes, stamp: stamp)
  }
}

/// Takes a line of COPY's text format apart: tabs between fields, `\N` for null, backslashes before what would be neither.
/// Its buffers serve one line after the other.
struct CopyLine {
  /// One for each field of the line.
  private(set) var fields: [CanonicalRow.Field] = []
  /// What the ranges are of, where the line had something to unescape.
  private(set) var unescaped: [UInt8] = []

  private static let tab = UInt8(ascii: "\t")
  private static let backslash = UInt8(ascii: "\\")

  /// - Parameter isJSON: whether a field is JSON already.
  /// - Returns: whether the ranges are of `unescaped`; else they are of the line.
  mutating func read(_ line: Span<UInt8>, isJSON: [Bool]) -> Bool {
    fields.removeAll(keepingCapacity: true)
    var start = 0
    var at = 0
    while at <= line.count {
      if at == line.count || line[at] == Self.tab {
        append(start..<at, isJSON)
        at += 1
        start = at
      } else if line[at] != Self.backslash {
        at += 1
      } else if at == start, Self.isNull(line, at) {
        fields.append(.null)
        at += 3
        start = at
      } else {
        unescape(line, isJSON)
        return true
      }
    }
    return false
  }

  /// `\N` from one end of the field to the other.
  private static func isNull(_ line: Span<UInt8>, _ at: Int) -> Bool {
    at + 1 < line.count && line[at + 1] == UInt8(ascii: "N") && (at + 2 == line.count || line[at + 2] == tab)
  }

  private mutating func append(_ range: Range<Int>, _ isJSON: [Bool]) {
    fields.append(fields.count < isJSON.count && isJSON[fields.count] ? .json(range) : .text(range))
  }

  private mutating func unescape(_ line: Span<UInt8>, _ isJSON: [Bool]) {
    fields.removeAll(keepingCapacity: true)
    unescaped.removeAll(keepingCapacity: true)
    var start = 0
    var at = 0
    while at <= line.count {
      if at == line.count || line[at] == Self.tab {
        append(start..<unescaped.count, isJSON)
        at += 1
        start = unescaped.count
      } else if line[at] != Self.backslash {
        unescaped.append(line[at])
        at += 1
      } else if start == unescaped.count, at == 0 || line[at - 1] == Self.tab, Self.isNull(line, at) {
        fields.append(.null)
        at += 3
      } else {
        unescaped.append(at + 1 < line.count ? Self.meaning(of: line[at + 1]) : Self.backslash)
        at += 2
      }
    }
  }

  /// Of the character after a backslash, as COPY writes them.
  private static func meaning(of character: UInt8) -> UInt8 {
    switch character {
    case UInt8(ascii: "b"): 8
    case UInt8(ascii: "t"): 9
    case UInt8(ascii: "n"): 10
    case UInt8(ascii: "v"): 11
    case UInt8(ascii: "f"): 12
    case UInt8(ascii: "r"): 13
    default: character
    }
  }
}
