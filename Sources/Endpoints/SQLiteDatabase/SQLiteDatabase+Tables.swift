import SQLite

extension SQLiteDatabase {
  package func tables() async throws -> [String] {
    let reader = try await current().reader
    return try await Self.patiently(reader, .deferred) { session in
      try session.all(
        """
        SELECT name FROM sqlite_schema
        WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_tidemark\\_%' ESCAPE '\\'
        ORDER BY name
        """
      ) { $0.string(0) }
    }
  }
}
