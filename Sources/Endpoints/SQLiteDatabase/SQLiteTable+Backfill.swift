import Changes
import JSON
import SQLite

extension SQLiteTable {
  /// Below so many rows a count takes milliseconds. In a database with a rollback journal nobody commits meanwhile.
  private static let mostCounted: Int64 = 1_000_000
  private static let mostFiltered: Int64 = 100_000
  /// A few milliseconds, for the same reason.
  private static let mostRows = 2_000
  private static let mostBytes = 4 << 20

  func rowCount(_ selection: BackfillSelection) async throws -> RowCount? {
    let isTold = isTold
    return try await select(selection) { session, shape, condition in
      try requireIndex(shape, session)
      let most = condition == nil ? Self.mostCounted : Self.mostFiltered
      let counted = try session.first(
        """
        SELECT count(*), count(*) FILTER (WHERE \(isTold) AND \(condition ?? "1")) FROM
          (SELECT \(condition == nil && isTold == "1" ? "1" : "*") FROM \(shape.table) LIMIT \(most))
        """
      ) { (all: $0.integer(0), selected: $0.integer(1)) }
      guard let counted, counted.all < most else { return nil }
      return RowCount(counted.selected, isExact: true)
    }
  }

  /// In the order of the key by the columns' own collations. Rows without a key, which SQLite allows in old tables, are
  /// left out: nothing tells them apart.
  func rows(_ selection: BackfillSelection, from position: Position?, limit: Int) async throws -> RowChunk {
    let after = try position.map { try RecordKey(encoded: $0.place) }
    let (isTold, cut) = (isTold, cut)
    let limit = max(1, min(limit, Self.mostRows))
    return try await select(selection) { session, shape, condition in
      let stamp = try highestStamp(in: session)
      let names = shape.keyNames.map(quoted(sqliteIdentifier:))
      let list = names.joined(separator: ", ")
      var conditions = names.map { "\($0) IS NOT NULL" } + [isTold, condition].compactMap { $0 }
      if after != nil { conditions.append("(\(list)) > (\(names.map { _ in "?" }.joined(separator: ", ")))") }
      let sql = """
        SELECT \(shape.columnList) FROM \(shape.table) WHERE \(conditions.joined(separator: " AND "))
        ORDER BY \(list) LIMIT \(limit)
        """
      var rows: [ReadRow] = []
      var bytes = 0
      do {
        try session.rows(sql, after.map(shape.bindings) ?? []) { row in
          guard bytes < Self.mostBytes else { throw Enough() }
          var record = shape.record(row, stamp)
          if let cut { record.fields = try cut.told(of: record.fields) }
          let read = ReadRow(record)
          bytes += read.row.count
          rows.append(read)
        }
      } catch is Enough {
        return RowChunk(rows, next: rows.last.map { Position(epoch: "", place: $0.key.encoded) })
      }
      let last = rows.count < limit ? nil : rows.last
      return RowChunk(rows, next: last.map { Position(epoch: "", place: $0.key.encoded) })
    }
  }

  private struct Enough: Error {}

  /// Runs `body` in a read transaction of a connection that cannot write.
  /// - Throws: `Failure` `backfill.where` with SQLite's own words for a condition it does not take.
  private func select<Result: Sendable>(
    _ selection: BackfillSelection,
    _ body: @escaping @Sendable (SQLiteSession, TableShape, _ condition: String?) throws -> Result
  ) async throws -> Result {
    guard selection.since == nil else {
      throw Failure(
        code: "backfill.since",
        message: "how \(shape.name) writes times is not known; say it yourself: --where \"updated_at >= '…'\"")
    }
    let shape = shape
    // A comment in it ends at its line.
    let condition = selection.condition.map { "(\($0)\n)" }
    do {
      return try await database.current().reader.transaction(.deferred) { try body($0, shape, condition) }
    } catch let error as SQLiteError where condition != nil && !error.isBusy {
      throw Failure(
        code: "backfill.where", message: "the condition of --where cannot be used on \(shape.name): \(error.message)")
    }
  }

  /// A primary key has its index. A key that the settings name may have none, and then every chunk sorts the table.
  private func requireIndex(_ shape: TableShape, _ session: SQLiteSession) throws {
    let few = try session.first("SELECT count(*) < 100000 FROM (SELECT 1 FROM \(shape.table) LIMIT 100000)") {
      $0.integer(0) == 1
    }
    guard few == false,
      try session.first(
        "SELECT 1 FROM pragma_table_list(?) WHERE schema = 'main' AND type = 'table'", [.text(shape.name)],
        { _ in true })
        == true
    else { return }
    let primary = try session.all("SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", [.text(shape.name)])
    {
      $0.string(0)
    }
    let indexes = try session.all("SELECT name FROM pragma_index_list(?) WHERE partial = 0", [.text(shape.name)]) {
      $0.string(0)
    }
    let leading =
      try [primary]
      + indexes.map { index in
        try session.all("SELECT name FROM pragma_index_info(?) ORDER BY seqno", [.text(index)]) { $0.string(0) }
      }
    guard !leading.contains(where: { $0.starts(with: shape.keyNames) }) else { return }
    let columns = shape.keyNames.map(quoted(sqliteIdentifier:)).joined(separator: ", ")
    throw Failure(
      code: "backfill.index",
      message: "\(shape.name) is large and has no index on its key (\(columns)): every chunk would sort all of it."
        + " CREATE INDEX … ON \(quoted(sqliteIdentifier: shape.name)) (\(columns))")
  }
}
