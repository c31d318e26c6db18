package import Changes
import JSON
import Postgres

extension PostgresTable {
  /// Below so many rows a count takes milliseconds; above, the planner's estimate must do.
  private static let mostCounted: Int64 = 100_000

  package func rowCount(_ selection: BackfillSelection) async throws -> RowCount? {
    try await select(selection) { session, shape, condition in
      let source = shape.source + (condition.map { " WHERE \($0)" } ?? "")
      let estimate = try Self.estimate("SELECT FROM \(source)", session)
      let whole = condition == nil ? estimate : try Self.estimate("SELECT FROM \(shape.source)", session)
      if whole > Self.mostCounted {
        try requireIndex(shape, session)
        return RowCount(estimate, isExact: false)
      }
      // Statistics may be far behind: the count stops where it would take long.
      let counted = try session.first(
        "SELECT count(*) FROM (SELECT FROM \(source) LIMIT $1) counted", [.integer(Self.mostCounted)]
      ) { $0.integer(0) }
      let rows = counted ?? 0
      return rows < Self.mostCounted ? RowCount(rows, isExact: true) : RowCount(max(rows, estimate), isExact: false)
    }
  }

  /// In the order of the primary key, which is the database's own: its collations, its types. The position holds the last
  /// key, so that rows that come and go move nothing.
  package func rows(
    _ selection: BackfillSelection, from position: Position?, limit: Int
  ) async throws -> RowChunk {
    let after = try position.map { try RecordKey(encoded: $0.place) }
    return try await select(selection) { session, shape, condition in
      let page = RowPage(shape: shape, condition: condition, skipsUnkeyed: polling != nil, after: after, limit: limit)
      // COPY takes no bindings, and would take more than a condition from who writes one.
      if selection.condition == nil, let rows = try page.copied(session) { return rows }
      return try page.selected(session)
    }
  }

  // MARK: - The operator's condition

  /// Runs `body` in a transaction that can write nothing, with the selection as a condition on the table `t`.
  /// - Throws: `Failure` `backfill.where` with the server's own words for a condition it does not take.
  private func select<Result: Sendable>(
    _ selection: BackfillSelection,
    _ body: @escaping @Sendable (PostgresSession, TableShape, _ condition: String?) throws -> Result
  ) async throws -> Result {
    do {
      return try await reading.run { session in
        // Nothing is written, so nothing is committed.
        try session.execute(RowPage.begin)
        let shape = try shape(session)
        return try body(session, shape, try condition(selection, shape))
      }
    } catch let error as PostgresError where selection.condition != nil && Self.isAboutStatement(error) {
      throw Failure(
        code: "backfill.where",
        message: "the condition of --where cannot be used on \(name): \(error.message) (SQLSTATE \(error.sqlState))")
    } catch {
      throw PostgresFate.meaning(of: error, table: name)
    }
  }

  /// Syntax and rights, values, and an attempt to write; not the server's own troubles.
  private static func isAboutStatement(_ error: PostgresError) -> Bool {
    ["42", "22", "21", "25", "0A", "P0"].contains(String(error.sqlState.prefix(2)))
  }

  private func condition(_ selection: BackfillSelection, _ shape: TableShape) throws -> String? {
    var conditions: [String] = []
    // A comment in it ends at its line.
    if let condition = selection.condition { conditions.append("(\(condition)\n)") }
    if let since = selection.since {
      guard let cursor = polling?.cursor, let type = shape.columns.first(where: { $0.name == cursor })?.type,
        type.hasPrefix("timestamp") || type == "date"
      else {
        throw Failure(
          code: "backfill.since",
          message: "no column is known that tells when a row of \(name) changed; say it yourself:"
            + " --where \"updated_at >= '…'\"")
      }
      let moment = "to_timestamp(\(since.microseconds) / 1000000.0)"
      conditions.append("t.\(quoted(postgresIdentifier: cursor)) >= \(moment)::\(type)")
    }
    return conditions.isEmpty ? nil : conditions.joined(separator: " AND ")
  }

  // MARK: - How much there is

  private static func estimate(_ query: String, _ session: PostgresSession) throws -> Int64 {
    let plan = try session.first("EXPLAIN (FORMAT JSON) \(query)") { try JSONValue(parsing: $0.bytes(0)) }
    return plan?.at("0.Plan.Plan Rows")?.integerValue ?? 0
  }

  /// A primary key has its index. A key that the settings name may have none, and then every chunk sorts the table.
  private func requireIndex(_ shape: TableShape, _ session: PostgresSession) throws {
    guard polling?.key.isEmpty == false, ["r", "p", "m"].contains(shape.kind) else { return }
    let leading = try session.all(
      """
      SELECT (SELECT jsonb_agg(a.attname ORDER BY k.place)
        FROM unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (number, place)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number WHERE k.place <= $2)::text
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
      WHERE i.indrelid = $1 AND m.amname = 'btree' AND i.indisvalid AND i.indpred IS NULL
      """, [.integer(shape.oid), .integer(Int64(shape.key.count))]
    ) { try JSONValue(parsing: $0.bytes(0)) }
    guard !leading.contains(.array(shape.key.map { .string($0) })) else { return }
    let columns = shape.key.map(quoted(postgresIdentifier:)).joined(separator: ", ")
    throw Failure(
      code: "backfill.index",
      message: "\(shape.sql) is large and has no index on its key (\(columns)): every chunk would sort all of it."
        + " CREATE INDEX CONCURRENTLY ON \(shape.sql) (\(columns))")
  }
}
