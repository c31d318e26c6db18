import Changes
import JSON
import Postgres

/// A table or view as polling reads it. Needs the right to select its key, its cursor and the linked columns.
struct PostgresPolledTable: PolledTable {
  let endpoint: EndpointName
  let settings: PollSettings
  let restriction: RowRestriction?
  let connection: PostgresConnection

  private static let mostBytes: Int64 = 4 << 20

  /// The cluster, its timeline and the database. A standby tells the timeline of its last restart point: its WAL's file
  /// name cannot be asked for there.
  func epoch() async throws -> String {
    try await read { session in
      try session.first(
        """
        SELECT s.system_identifier || '-' || CASE WHEN pg_is_in_recovery()
            THEN (SELECT upper(to_hex(timeline_id)) FROM pg_control_checkpoint())
            ELSE ltrim(substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8), '0') END || '-' || d.oid
        FROM pg_control_system() s, pg_database d WHERE d.datname = current_database()
        """
      ) { $0.string(0) } ?? ""
    }
  }

  /// Visible to every role. A transaction that is being prepared is in one list before it leaves the other, and they are
  /// read in that order.
  func writers() async throws -> Set<String> {
    try await read { session in
      Set(
        try session.all(
          """
          SELECT backend_xid::text FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND datname = current_database()
          UNION ALL SELECT transaction::text FROM pg_prepared_xacts WHERE database = current_database()
          """
        ) { $0.string(0) })
    }
  }

  func highest() async throws -> CursorMark? {
    try await read { session in
      let shape = try shape(session)
      guard let cursor = try Cursor(settings, shape) else { return nil }
      let sql = """
        SELECT \(cursor.json), \(Self.key(shape)) FROM \(shape.sql) t
        WHERE \(cursor.exists) AND \(Self.hasKey(shape)) AND \(cursor.isMark) ORDER BY \(cursor.sorting) LIMIT 1
        """
      return try session.first(sql) {
        CursorMark(cursor: try JSONValue(parsing: $0.bytes(0)), key: try RecordKey(encoded: $0.string(1)))
      }
    }
  }

  func changed(after mark: CursorMark?, limit: Int) async throws -> PolledPage {
    try await read { session in
      let shape = try shape(session)
      guard let cursor = try Cursor(settings, shape) else {
        return PolledPage([], isLast: true, stamp: Stamp(0), readAt: Timestamp(microseconds: 0))
      }
      let after = try mark.map { mark in
        try shape.keyObject(mark.key).merging(JSONObject([(cursor.column, mark.cursor)]))
      }
      return try page(shape, cursor, order: cursor.order, after: after, limit, session)
    }
  }

  func rows(after key: RecordKey?, limit: Int) async throws -> PolledPage {
    try await read { session in
      let shape = try shape(session)
      return try page(shape, nil, order: shape.key, after: try key.map(shape.keyObject), limit, session)
    }
  }

  func gone(among keys: [RecordKey]) async throws -> (keys: Set<RecordKey>, stamp: Stamp, readAt: Timestamp) {
    try await read { session in
      let shape = try shape(session)
      let (stamp, readAt) = try Self.moment(session)
      return (Set(keys).subtracting(try Self.present(keys[...], shape, session)), stamp, readAt)
    }
  }

  // MARK: - Reading

  /// - Parameter after: values of the columns in `order`.
  private func page(
    _ shape: TableShape, _ cursor: Cursor?, order: [String], after: JSONObject?, _ limit: Int,
    _ session: PostgresSession
  ) throws -> PolledPage {
    let places = shape.list(order, of: "t")
    var conditions = [Self.hasKey(shape)]
    if let cursor { conditions.append(cursor.exists) }
    var bindings = [PostgresValue.integer(Int64(limit)), .integer(Self.mostBytes)]
    if let after {
      let last = "SELECT \(shape.list(order, of: "m")) FROM \(shape.record(order, parameter: 3, as: "m"))"
      conditions.append("(\(places)) > (\(last))")
      bindings.append(.utf8(after.bytes))
    }
    // A round sees also the rows that are not told, since they may have become so; a sweep looks for what is gone itself.
    let isTold = cursor == nil ? "true" : shape.restriction?.condition.map { "(\($0)\n) IS TRUE" } ?? "true"
    let image = isTold == "true" ? shape.image : "(CASE WHEN \(isTold) THEN \(shape.image) ELSE '{}' END)"
    // Rows are read in order and counted as they come: the last one is the first that passes the limit of bytes.
    let sql = """
      SELECT key, image, cursor, is_mark, changed_at, running, is_told FROM (
        SELECT r.*, sum(octet_length(r.image)) OVER (ROWS UNBOUNDED PRECEDING) AS running FROM (
          SELECT \(Self.key(shape)) AS key, \(image)::text AS image, \(cursor?.json ?? "'null'") AS cursor,
            \(cursor?.isMark ?? "true") AS is_mark, \(cursor?.changedAt ?? "NULL::bigint") AS changed_at,
            \(isTold) AS is_told
          FROM \(cursor == nil ? shape.source : "\(shape.sql) t")
          WHERE \(conditions.joined(separator: " AND ")) ORDER BY \(places) LIMIT $1) r) page
      WHERE running - octet_length(image) < $2
      """
    let (stamp, readAt) = try Self.moment(session)
    var bytes: Int64 = 0
    let rows = try session.all(sql, bindings) { row in
      bytes = row.integer(5)
      return PolledRow(
        key: try RecordKey(encoded: row.string(0)), row: try shape.told(row.bytes(1)),
        cursor: try JSONValue(parsing: row.bytes(2)), isMark: row.bool(3),
        changedAt: row.isNull(4) ? nil : Timestamp(microseconds: row.integer(4)), isTold: row.bool(6))
    }
    return PolledPage(rows, isLast: rows.count < limit && bytes < Self.mostBytes, stamp: stamp, readAt: readAt)
  }

  /// A key that its column cannot hold any more, since the column's type was changed, has no row.
  private static func present(
    _ keys: ArraySlice<RecordKey>, _ shape: TableShape, _ session: PostgresSession
  ) throws -> Set<RecordKey> {
    do {
      let image = "(SELECT to_jsonb(r) FROM (SELECT \(shape.list(shape.key, of: "t"))) r)"
      return Set(try shape.rows(of: Array(keys), as: image, session).keys)
    } catch let error as PostgresError where error.sqlState.hasPrefix("22") {
      guard keys.count > 1 else { return [] }
      let middle = keys.startIndex + keys.count / 2
      return try present(keys[..<middle], shape, session).union(try present(keys[middle...], shape, session))
    }
  }

  private static func moment(_ session: PostgresSession) throws -> (Stamp, Timestamp) {
    try session.first("SELECT \(PostgresTable.stampSQL), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint") {
      (Stamp($0.integer(0)), Timestamp(microseconds: $0.integer(1)))
    } ?? (Stamp(0), .now)
  }

  private static func key(_ shape: TableShape) -> String {
    "jsonb_build_array(\(shape.list(shape.key, of: "t")))::text"
  }

  /// Views may have rows without a key.
  private static func hasKey(_ shape: TableShape) -> String {
    shape.key.map { "t.\(quoted(postgresIdentifier: $0)) IS NOT NULL" }.joined(separator: " AND ")
  }

  private func shape(_ session: PostgresSession) throws -> TableShape {
    try TableShape.load(endpoint.name, settings, restriction, session)
  }

  private func read<Result: Sendable>(
    _ body: @escaping @Sendable (PostgresSession) throws -> Result
  ) async throws -> Result {
    do { return try await connection.run(body) } catch { throw PostgresFate.meaning(of: error, table: endpoint.name) }
  }
}

/// The SQL that a cursor column of a table called `t` takes.
struct Cursor {
  let column: String
  /// The columns that pages are ordered by: the cursor, then those of the key.
  let order: [String]
  private let type: String
  private var value: String { "t.\(quoted(postgresIdentifier: column))" }

  /// Nil where the settings name no cursor.
  init?(_ settings: PollSettings, _ shape: TableShape) throws {
    guard let column = settings.cursor else { return nil }
    try shape.requireColumns([column])
    self.column = column
    order = [column] + shape.key.filter { $0 != column }
    type = shape.columns.first { $0.name == column }?.type ?? ""
  }

  /// The last ones first.
  var sorting: String { order.map { "t.\(quoted(postgresIdentifier: $0)) DESC" }.joined(separator: ", ") }

  var json: String { "to_jsonb(\(value))::text" }

  /// Nothing comes after an infinite value, so it is none.
  var exists: String {
    let isFinite: String? =
      switch kind {
      case .instant, .wallClock, .date: "isfinite(\(value))"
      case .fraction: "\(value) < 'Infinity'"
      case .other: nil
      }
    return (["\(value) IS NOT NULL"] + [isFinite].compactMap { $0 }).joined(separator: " AND ")
  }

  /// A time that is still to come would leave everything behind it that happens until then. Where the time zone is not
  /// known it may be any.
  var isMark: String {
    switch kind {
    case .instant: "\(value) <= clock_timestamp()"
    case .wallClock: "\(value) <= (clock_timestamp() AT TIME ZONE 'UTC') + interval '14 hours'"
    // The day must be over everywhere.
    case .date: "\(value) < ((clock_timestamp() AT TIME ZONE 'UTC') - interval '12 hours')::date"
    case .fraction, .other: "true"
    }
  }

  var changedAt: String? { kind == .instant ? "(extract(epoch FROM \(value)) * 1000000)::bigint" : nil }

  private enum Kind { case instant, wallClock, date, fraction, other }

  private var kind: Kind {
    if type.hasPrefix("timestamp") { return type.hasSuffix("with time zone") ? .instant : .wallClock }
    if type == "date" { return .date }
    return type.hasPrefix("numeric") || type == "real" || type == "double precision" ? .fraction : .other
  }
}
