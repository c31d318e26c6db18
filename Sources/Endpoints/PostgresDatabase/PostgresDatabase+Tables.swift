import Postgres

extension PostgresDatabase {
  package func tables() async throws -> [String] {
    try await reading.run { session in
      try session.all(
        """
        SELECT CASE WHEN nspname = 'public' THEN relname ELSE nspname || '.' || relname END
        FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE relkind IN ('r', 'p') AND NOT relispartition AND relpersistence = 'p'
          AND nspname NOT IN ('information_schema', 'tidemark') AND nspname NOT LIKE 'pg\\_%'
        ORDER BY 1
        """
      ) { $0.string(0) }
    }
  }
}
