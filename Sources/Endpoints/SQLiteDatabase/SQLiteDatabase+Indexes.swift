import Changes
import SQLite

extension SQLiteDatabase {
  /// Fewer rows are read in milliseconds.
  private static let manyRows = 50_000

  package func indexAdvice(for columns: [String], of table: String) async throws -> String? {
    let polling = polling[table]
    return try await Self.patiently(try await current().reader, .deferred) { session in
      let shape = try TableShape(table, polling, in: session)
      let isLarge = try session.first(
        "SELECT count(*) = \(Self.manyRows) FROM (SELECT 1 FROM \(shape.table) LIMIT \(Self.manyRows))"
      ) { $0.integer(0) == 1 }
      guard isLarge == true, !(try Self.leadingColumns(shape.name, session)).contains(where: columns.contains) else {
        return nil
      }
      let list = columns.map(quoted(sqliteIdentifier:)).joined(separator: ", ")
      let name = quoted(sqliteIdentifier: ([shape.name] + columns).joined(separator: "_"))
      return "CREATE INDEX \(name) ON \(quoted(sqliteIdentifier: shape.name)) (\(list));"
    }
  }

  /// The first column of the primary key and of each index over all rows: one that begins with a wanted column narrows it down
  /// enough.
  private static func leadingColumns(_ table: String, _ session: SQLiteSession) throws -> [String] {
    try session.all(
      """
      SELECT name FROM pragma_table_info(?1) WHERE pk = 1
      UNION SELECT i.name FROM pragma_index_list(?1) l, pragma_index_info(l.name) i WHERE l.partial = 0 AND i.seqno = 0
        AND i.name IS NOT NULL
      """, [.text(table)]
    ) { $0.string(0) }
  }
}
