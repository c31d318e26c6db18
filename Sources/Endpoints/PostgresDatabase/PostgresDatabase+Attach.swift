import Changes
import Postgres

extension PostgresDatabase {
  package func attachPlan(_ tables: [String]) async throws -> [String] {
    let (capture, triggers, budget, attached) = (capture, triggers, budget, attached(tables))
    return try await reading.run { session in
      if attached.isEmpty { return try Self.detachStatements(session) }
      let mode = try capture.mode(attached, session)
      return try AttachPlan(attached, mode, triggers, budget: budget, session).statements
    }
  }

  /// Those that are not polled. Where none is left nothing stays installed: a slot without a reader would make the
  /// server keep its WAL.
  private func attached(_ tables: [String]) -> [String] { tables.filter { polling[$0] == nil } }

  private var triggers: TriggerSettings { TriggerSettings(isLenient: isLenient, isNotified: isNotified) }

  /// Capture by triggers is installed in one transaction. Capture from the WAL takes three steps, each of which leaves
  /// the application as it was if the next one fails; attaching again goes on.
  /// - Throws: `Failure` for a table that cannot be captured, `PostgresError` with `isSerialization` where the
  ///   application held a lock on a table for too long: nothing was changed, try again.
  package func attach(_ tables: [String]) async throws {
    let (capture, triggers, budget, tables) = (capture, triggers, budget, attached(tables))
    guard !tables.isEmpty else { return try await detach() }
    let mode = try await reading.run { try capture.mode(tables, $0) }
    // Each step shows what the next one finds; the plan is made anew for each.
    while let step = try await reading.run({
      try AttachPlan(tables, mode, triggers, budget: budget, $0).steps.first
    }) {
      try await carryOut(step)
    }
  }

  package func captureLives() async throws -> [String: String] {
    try await reading.run { session in
      guard try Installation.exists(session) else { return [:] }
      let lives = try session.all("SELECT name, life FROM tidemark.captured") { ($0.string(0), $0.string(1)) }
      return Dictionary(lives) { first, _ in first }
    }
  }

  package func detachPlan() async throws -> [String] { try await reading.run { try Self.detachStatements($0) } }

  package func detach() async throws {
    // A slot is dropped at once, whatever becomes of the transaction; without it nothing else is left half done.
    let statements = try await detachPlan()
    guard !statements.isEmpty else { return }
    try await carryOut(.transaction(statements))
  }

  private func carryOut(_ step: AttachPlan.Step) async throws {
    switch step {
    case .alone(let statement): try await reading.run { try $0.execute(statement) }
    case .transaction(let statements):
      try await reading.transaction { session in
        try session.execute(Self.patience)
        for statement in statements { try session.execute(statement) }
      }
    }
  }

  /// Behind a waiting CREATE TRIGGER every writer of the table waits too: rather give up soon.
  private static let patience = "SET LOCAL lock_timeout = '3s'"

  private static func detachStatements(_ session: PostgresSession) throws -> [String] {
    var statements: [String] = []
    if let slot = try WALSlot.load(session) {
      statements.append("SELECT pg_drop_replication_slot(\(quoted(postgresLiteral: slot.name)))")
    }
    if try WALSlot.publishedTables(session) != nil {
      statements.append("DROP PUBLICATION \(quoted(postgresIdentifier: WALSlot.publication))")
    }
    statements += try InstalledTriggers.load(session).flatMap(\.dropStatements)
    if try Installation.exists(session) { statements.append("DROP SCHEMA tidemark CASCADE") }
    return statements
  }
}

/// Our triggers on one table as they are.
struct InstalledTriggers {
  var relation: Int64
  /// The table, qualified and quoted.
  var table: String
  var names: [String]
  var isLenient: Bool

  var dropStatements: [String] {
    names.map { "DROP TRIGGER \(quoted(postgresIdentifier: $0)) ON \(table)" }
  }

  static func load(_ session: PostgresSession) throws -> [InstalledTriggers] {
    let found = try session.all(
      """
      SELECT t.tgrelid, tn.nspname, c.relname, t.tgname, p.proname LIKE '%leniently'
      FROM pg_trigger t
      JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace tn ON tn.oid = c.relnamespace
      JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace pn ON pn.oid = p.pronamespace
      WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND pn.nspname = 'tidemark' AND tn.nspname <> 'tidemark'
      ORDER BY tn.nspname, c.relname, t.tgname
      """
    ) { row in
      InstalledTriggers(
        relation: row.integer(0),
        table: quoted(postgresIdentifier: row.string(1)) + "." + quoted(postgresIdentifier: row.string(2)),
        names: [row.string(3)], isLenient: row.bool(4))
    }
    return found.reduce(into: []) { tables, next in
      if tables.last?.relation == next.relation {
        tables[tables.count - 1].names += next.names
        tables[tables.count - 1].isLenient = tables[tables.count - 1].isLenient || next.isLenient
      } else {
        tables.append(next)
      }
    }
  }
}
