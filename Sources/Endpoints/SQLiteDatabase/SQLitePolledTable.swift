import Changes
import JSON
import SQLite

/// A table or view of a SQLite database as polling reads it.
///
/// Its stamps are those of every other read, the highest id of the outbox: a number that only grows while the outbox stays,
/// taken in the transaction that reads. Polled tables write nothing there, so it may stand still between two changes of a
/// row; then replay reads the row again, which is never wrong and costs one look-up in a local file.
struct SQLitePolledTable: PolledTable {
  let endpoint: EndpointName
  let settings: PollSettings
  let restriction: RowRestriction?
  let database: SQLiteDatabase

  private static let mostBytes = 4 << 20

  /// The file. An older copy that is restored into it is found by what its rows hold.
  func epoch() async throws -> String {
    _ = try await database.current()
    return await database.file.description
  }

  /// SQLite has one writer at a time: what is committed later was written later.
  func writers() async throws -> Set<String> { [] }

  func highest() async throws -> CursorMark? {
    try await read { session, shape in
      guard let cursor = SQLiteCursor(settings, shape) else { return nil }
      let order = cursor.order.map { quoted(sqliteIdentifier: $0) + " DESC" }.joined(separator: ", ")
      let sql = """
        SELECT \(([cursor.column] + shape.keyNames).map(quoted(sqliteIdentifier:)).joined(separator: ", "))
        FROM \(shape.table) WHERE \(cursor.exists) AND \(Self.hasKey(shape)) AND \(cursor.isMark) ORDER BY \(order) LIMIT 1
        """
      return try session.first(sql) { row in
        CursorMark(
          cursor: CanonicalValue.json(row.value(0)),
          key: RecordKey(shape.key.indices.map { CanonicalValue.json(row.value(1 + $0)) }))
      }
    }
  }

  func changed(after mark: CursorMark?, limit: Int) async throws -> PolledPage {
    try await read { session, shape in
      guard let cursor = SQLiteCursor(settings, shape) else {
        return PolledPage([], isLast: true, stamp: Stamp(0), readAt: .now)
      }
      let after = mark.map { mark in
        [(cursor.column, mark.cursor)] + zip(shape.keyNames, mark.key.values).filter { $0.0 != cursor.column }
      }
      return try page(shape, cursor, order: cursor.order, after: after, limit, session)
    }
  }

  func rows(after key: RecordKey?, limit: Int) async throws -> PolledPage {
    try await read { session, shape in
      try page(
        shape, nil, order: shape.keyNames, after: key.map { Array(zip(shape.keyNames, $0.values)) }, limit, session)
    }
  }

  func gone(among keys: [RecordKey]) async throws -> (keys: Set<RecordKey>, stamp: Stamp, readAt: Timestamp) {
    try await read { session, shape in
      let (stamp, readAt) = (try highestStamp(in: session), Timestamp.now)
      let names = shape.keyNames.map(quoted(sqliteIdentifier:)).joined(separator: ", ")
      let sql = "SELECT \(names) FROM \(shape.table) WHERE \(isTold) AND \(shape.keyCondition)"
      let gone = try keys.filter { key in
        // A collation may find a key that is written otherwise: another one to everyone else.
        guard key.values.count == shape.key.count else { return true }
        return try !session.all(sql, shape.bindings(key)) { row in
          RecordKey(shape.key.indices.map { CanonicalValue.json(row.value($0)) })
        }.contains(key)
      }
      return (Set(gone), stamp, readAt)
    }
  }

  /// - Parameter after: the columns in `order` with their values.
  private func page(
    _ shape: TableShape, _ cursor: SQLiteCursor?, order: [String], after: [(String, JSONValue)]?, _ limit: Int,
    _ session: SQLiteSession
  ) throws -> PolledPage {
    let names = order.map(quoted(sqliteIdentifier:)).joined(separator: ", ")
    // A round sees also the rows that are not told, since they may have become so; a sweep looks for what is gone itself.
    var conditions = [Self.hasKey(shape), cursor?.exists ?? isTold]
    var bindings: [SQLiteValue] = []
    if let after {
      conditions.append("(\(names)) > (\(after.map { _ in "?" }.joined(separator: ", ")))")
      bindings = try after.map { try shape.column($0.0, $0.1).binding }
    }
    let sql = """
      SELECT \(shape.columnList), \(cursor?.isMark ?? "1"), coalesce(\(isTold), 0) <> 0 FROM \(shape.table)
      WHERE \(conditions.joined(separator: " AND ")) ORDER BY \(names) LIMIT \(limit)
      """
    let (stamp, readAt) = (try highestStamp(in: session), Timestamp.now)
    let labels = CanonicalValue.labels(shape.columns.map(\.name))
    let cursorPlace = cursor.flatMap { cursor in shape.columns.firstIndex { $0.name == cursor.column } }
    let cut = try restriction.map {
      try RowCut($0, columns: shape.columns.map(\.name), key: shape.keyNames, table: shape.name)
    }
    var rows: [PolledRow] = []
    var bytes = 0
    do {
      try session.rows(sql, bindings) { row in
        guard bytes < Self.mostBytes else { throw Enough() }
        let isTold = row.integer(shape.columns.count + 1) == 1
        let image = isTold ? Self.image(row, labels) : []
        let polled = PolledRow(
          key: RecordKey(shape.key.map { CanonicalValue.json(row.value($0)) }),
          row: isTold ? try cut?.told(of: image).row ?? image : [],
          cursor: cursorPlace.map { CanonicalValue.json(row.value($0)) } ?? .null,
          isMark: row.integer(shape.columns.count) == 1, isTold: isTold)
        bytes += polled.row.count
        rows.append(polled)
      }
    } catch is Enough {
      return PolledPage(rows, isLast: false, stamp: stamp, readAt: readAt)
    }
    return PolledPage(rows, isLast: rows.count < limit, stamp: stamp, readAt: readAt)
  }

  private struct Enough: Error {}

  private static func image(_ row: SQLiteRow, _ labels: [[UInt8]]) -> [UInt8] {
    var writer = JSONWriter(reserving: 32 * labels.count)
    for (index, label) in labels.enumerated() {
      writer.raw(label)
      CanonicalValue.write(row.value(index), to: &writer)
    }
    writer.raw("}")
    return writer.bytes
  }

  /// SQL that is true for the rows that may be told.
  private var isTold: String { restriction?.condition.map { "(\($0)\n)" } ?? "1" }

  /// Views and old tables may have rows without a key.
  private static func hasKey(_ shape: TableShape) -> String {
    shape.keyNames.map { quoted(sqliteIdentifier: $0) + " IS NOT NULL" }.joined(separator: " AND ")
  }

  private func read<Result: Sendable>(
    _ body: @escaping @Sendable (SQLiteSession, TableShape) throws -> Result
  ) async throws -> Result {
    let (name, settings) = (endpoint.name, settings)
    return try await SQLiteDatabase.patiently(database.current().reader, .deferred) { session in
      try body(session, try TableShape(name, settings, in: session))
    }
  }
}

/// The SQL that a cursor column takes.
struct SQLiteCursor {
  let column: String
  /// The columns that pages are ordered by: the cursor, then those of the key.
  let order: [String]
  private var value: String { quoted(sqliteIdentifier: column) }

  /// Nil where the settings name no cursor.
  init?(_ settings: PollSettings, _ shape: TableShape) {
    guard let column = settings.cursor else { return nil }
    self.column = column
    order = [column] + shape.keyNames.filter { $0 != column }
  }

  /// Nothing comes after an infinite number, so it is none.
  var exists: String { "\(value) IS NOT NULL AND \(value) IS NOT 9e999" }

  /// A time that is still to come would leave everything behind it that happens until then; a day must be over everywhere.
  /// Texts are times where they look like ISO 8601, in a time zone that is not known; numbers are taken as they are.
  var isMark: String {
    """
    CASE WHEN typeof(\(value)) <> 'text' OR \(value) NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' THEN 1
      WHEN length(\(value)) = 10 THEN ifnull(julianday(\(value)) + 1.5 <= julianday('now'), 1)
      ELSE ifnull(julianday(\(value)) <= julianday('now') + 14.0 / 24, 1) END
    """
  }
}
