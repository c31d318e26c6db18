import Changes
import JSON
import Postgres

/// A published table as it looked when the rows that follow were written, and how its rows become changes.
struct WALRelation: Sendable {
  /// Nil for a table that no link is interested in.
  let endpoint: EndpointName?
  let oid: Int64
  /// Those the messages tell, then those the server computes and does not tell.
  private let columns: [RelationMessage.Column]
  /// How many of the columns the messages tell.
  private let told: Int
  private let types: [CanonicalType]
  /// Nil where no column is, or holds, a composite.
  let composites: WALTypes?
  private let canonical: CanonicalRow
  /// Places of the primary key's columns, in key order.
  private let key: [Int]
  /// Columns that nobody needs, by their places: they are neither written nor looked up.
  private let needless: [Int]

  /// - Parameters:
  ///   - endpoint: nil for a table that no link is interested in.
  ///   - restriction: what of its rows is told; nil: all.
  /// - Throws: `Failure` where the key's columns are not among those told; `PostgresError`.
  init(
    _ message: RelationMessage, _ endpoint: EndpointName?, _ restriction: RowRestriction?, _ session: PostgresSession
  ) throws {
    self.endpoint = endpoint
    oid = Int64(message.oid)
    told = message.columns.count
    columns = message.columns + (try Self.computed(message, session))
    // Looked at before the types are: what happens in between is noticed later.
    composites = endpoint == nil ? nil : try WALTypes.load(columns.map(\.type), session)
    let known = try CanonicalType.load(columns.map(\.type), session)
    types = columns.map { known[$0.type] ?? .unsupported("type \($0.type)") }
    canonical = CanonicalRow(zip(columns, types).map { (name: $0.name, type: $1) })
    let names = try session.all("SELECT unnest(tidemark.key_columns($1))", [.integer(oid)]) { $0.string(0) }
    key = names.compactMap { name in message.columns.firstIndex { $0.name == name } }
    let needed = columns.map { restriction?.needs($0.name, key: names) ?? true }
    needless = needed.indices.filter { !needed[$0] }
    guard endpoint == nil || (!key.isEmpty && key.count == names.count) else {
      throw Failure(
        code: "wal.key",
        message: "\(endpoint.map { "\($0)" } ?? ""): its primary key is not what it was when these changes were made;"
          + " run `tidemark attach`")
    }
  }

  /// Generated columns: a row shows them, but the WAL does not tell them.
  private static func computed(
    _ message: RelationMessage, _ session: PostgresSession
  ) throws -> [RelationMessage.Column] {
    try session.all(
      """
      SELECT attname, atttypid FROM pg_attribute
      WHERE attrelid = $1 AND attgenerated <> '' AND NOT attisdropped ORDER BY attnum
      """, [.integer(Int64(message.oid))]
    ) { RelationMessage.Column(name: $0.string(0), type: UInt32(truncatingIfNeeded: $0.integer(1)), isIdentity: false) }
    .filter { column in !message.columns.contains { $0.name == column.name } }
  }

  /// Whether every value of a row can be taken from an earlier image of it where the message does not tell it.
  var isTold: Bool { told == columns.count }

  /// The row in canonical form, and the places of the columns it lacks: those the message does not hold, and those
  /// whose JSON only the server can make. Nil where the message cannot be understood, since a column's type was altered
  /// or a value is one that `jsonb` refuses: then no column of the row is what it should be.
  func row(
    _ values: TuplePlaces, _ message: Span<UInt8>
  ) throws(PgOutputError) -> (row: [UInt8], missing: [Int]?) {
    guard values.fields.count == told else { throw .unreadable }
    var missing: [Int] = []
    for index in 0..<told { if case .absent = values.fields[index] { missing.append(index) } }
    guard !isTold || !canonical.unsupportedColumns.isEmpty || !needless.isEmpty else {
      let (row, isWhole) = write(values.fields, message)
      return (row, isWhole ? missing : nil)
    }
    var fields = padded(values)
    missing += told..<columns.count
    for index in canonical.unsupportedColumns {
      if case .text = fields[index] {
        fields[index] = .absent
        missing.append(index)
      }
    }
    for index in needless { fields[index] = .absent }
    let (row, isWhole) = write(fields, message)
    return (row, isWhole ? missing.filter { !needless.contains($0) } : nil)
  }

  private func padded(_ values: TuplePlaces) -> [CanonicalRow.Field] {
    values.fields + Array(repeating: .absent, count: columns.count - told)
  }

  /// What is told of a row that is gone: the columns of its replica identity.
  func identity(_ values: TuplePlaces, _ message: Span<UInt8>) throws(PgOutputError) -> [UInt8] {
    guard values.fields.count == told else { throw .unreadable }
    var fields = padded(values)
    for index in fields.indices where !columns[index].isIdentity { fields[index] = .absent }
    return write(fields, message).row
  }

  /// The row with the columns `missing` taken from `other`, a canonical row; columns that it does not have stay out.
  /// - Returns: the row, and whether it has all its columns.
  func row(
    _ values: TuplePlaces, _ message: [UInt8], completing missing: [Int], from other: JSONMembers
  ) -> (row: [UInt8], isComplete: Bool) {
    var fields = padded(values)
    var bytes = message
    var isComplete = true
    for index in missing {
      guard let value = other[columns[index].name] else {
        fields[index] = .absent
        isComplete = false
        continue
      }
      fields[index] = .json(bytes.count..<(bytes.count + value.count))
      bytes += value
    }
    return (write(fields, bytes.span).row, isComplete)
  }

  private func write(_ fields: [CanonicalRow.Field], _ message: Span<UInt8>) -> (row: [UInt8], isWhole: Bool) {
    var writer = JSONWriter(reserving: message.count + 16 * columns.count)
    let isWhole = canonical.append(message, fields, to: &writer)
    return (writer.bytes, isWhole)
  }

  func key(of values: TuplePlaces, _ message: Span<UInt8>) throws -> RecordKey {
    guard values.fields.count == told else { throw PgOutputError.unreadable }
    return RecordKey(
      try key.map { index in
        guard case .text(let range) = values.fields[index] else { throw PgOutputError.unreadable }
        return try types[index].keyValue(message.extracting(range))
      })
  }
}
