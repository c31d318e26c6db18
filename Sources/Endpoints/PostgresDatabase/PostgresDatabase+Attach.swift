import Changes
import Postgres

extension PostgresDatabase {
  /// The statements run inside one transaction that waits at most three seconds for a lock.
  /// - Throws: `Failure` for a table that cannot be captured.
  package func attachPlan(_ tables: [String]) async throws -> [String] {
    try await reading.run { try AttachPlan(tables, $0).statements }
  }

  /// - Throws: `Failure` for a table that cannot be captured, `PostgresError` with `isSerialization` where the
  ///   application held a lock on a table for too long: nothing was changed, try again.
  package func attach(_ tables: [String]) async throws {
    try await reading.transaction { session in
      try session.execute(Self.patience)
      for statement in try AttachPlan(tables, session).statements { try session.execute(statement) }
    }
  }

  package func detachPlan() async throws -> [String] { try await reading.run { try Self.detachStatements($0) } }

  package func detach() async throws {
    try await reading.transaction { session in
      try session.execute(Self.patience)
      for statement in try Self.detachStatements(session) { try session.execute(statement) }
    }
  }

  /// Behind a waiting CREATE TRIGGER every writer of the table waits too: rather give up soon.
  private static let patience = "SET LOCAL lock_timeout = '3s'"

  private static func detachStatements(_ session: PostgresSession) throws -> [String] {
    guard try Installation.exists(session) else { return [] }
    return try InstalledTriggers.load(session).flatMap(\.dropStatements) + ["DROP SCHEMA tidemark CASCADE"]
  }
}

/// Our triggers on one table as they are.
struct InstalledTriggers {
  var relation: Int64
  /// The table, qualified and quoted.
  var table: String
  var names: [String]

  var dropStatements: [String] {
    names.map { "DROP TRIGGER \(quoted(postgresIdentifier: $0)) ON \(table)" }
  }

  static func load(_ session: PostgresSession) throws -> [InstalledTriggers] {
    let found = try session.all(
      """
      SELECT t.tgrelid, tn.nspname, c.relname, t.tgname
      FROM pg_trigger t
      JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace tn ON tn.oid = c.relnamespace
      JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace pn ON pn.oid = p.pronamespace
      WHERE NOT t.tgisinternal AND pn.nspname = 'tidemark' ORDER BY tn.nspname, c.relname, t.tgname
      """
    ) { row in
      InstalledTriggers(
        relation: row.integer(0),
        table: quoted(postgresIdentifier: row.string(1)) + "." + quoted(postgresIdentifier: row.string(2)),
        names: [row.string(3)])
    }
    return found.reduce(into: []) { tables, next in
      if tables.last?.relation == next.relation {
        tables[tables.count - 1].names += next.names
      } else {
        tables.append(next)
      }
    }
  }
}
