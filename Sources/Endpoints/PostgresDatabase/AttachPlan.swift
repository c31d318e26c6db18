import Changes
import Migrations
import Postgres

/// What stands between what is installed and what should be.
struct AttachPlan {
  private(set) var statements: [String] = []

  init(_ tables: [String], _ session: PostgresSession) throws {
    let shapes = try Self.shapes(tables, session)
    let isInstalled = try Installation.exists(session)
    let captured = isInstalled ? try Installation.load(session)?.captured ?? [] : []
    let triggers = isInstalled ? try InstalledTriggers.load(session) : []
    if isInstalled { try Self.refuseNewer(session) }
    statements += try Self.migrations(isInstalled, session)

    let wanted = Set(shapes.map(\.shape.oid))
    for installed in triggers where !wanted.contains(installed.relation) { statements += installed.dropStatements }
    for old in captured where !wanted.contains(old.relation) {
      statements.append("DELETE FROM tidemark.captured WHERE relation = \(old.relation)")
    }
    var isInterrupted = false
    for (name, shape) in shapes {
      let known = captured.first { $0.relation == shape.oid }
      if let known, known.fault == nil {
        if known.name != name { statements.append(Self.record(name, shape)) }
        continue
      }
      isInterrupted = isInterrupted || known != nil || captured.contains { $0.name == name }
      statements += triggers.first { $0.relation == shape.oid }?.dropStatements ?? []
      statements += Self.triggers(shape)
      statements.append(Self.record(name, shape))
    }
    if isInterrupted {
      // Changes went unseen meanwhile: positions from before must not be continued from as if none had.
      statements.append("UPDATE tidemark.installation SET id = gen_random_uuid(), installed_at = clock_timestamp()")
    }
  }

  private static func shapes(
    _ tables: [String], _ session: PostgresSession
  ) throws -> [(name: String, shape: TableShape)] {
    var shapes: [(name: String, shape: TableShape)] = []
    for name in tables {
      let shape = try TableShape.load(name, session)
      try shape.requireKey()
      if let twin = shapes.first(where: { $0.shape.oid == shape.oid }) {
        if twin.name == name { continue }
        throw Failure(
          code: "table.twice", message: "\(twin.name) and \(name) are the same table: write it one way everywhere")
      }
      shapes.append((name, shape))
    }
    return shapes
  }

  private static func refuseNewer(_ session: PostgresSession) throws {
    let newest = try session.first("SELECT max(number) FROM tidemark.migrations") { $0.integer(0) } ?? 0
    guard newest <= Migrations.postgres.map(\.number).max() ?? 0 else {
      throw Failure(
        code: "capture.newer", message: "schema tidemark was made by a newer version (migration \(newest)): upgrade")
    }
  }

  private static func migrations(_ isInstalled: Bool, _ session: PostgresSession) throws -> [String] {
    let done = isInstalled ? try session.all("SELECT number FROM tidemark.migrations") { Int($0.integer(0)) } : []
    return Migrations.postgres.filter { !done.contains($0.number) }.flatMap { migration in
      [migration.sql, "INSERT INTO tidemark.migrations (number) VALUES (\(migration.number))"]
    }
  }

  /// One trigger an event, since transition tables allow no more; always on, also for replicated writes.
  private static func triggers(_ shape: TableShape) -> [String] {
    let call =
      "EXECUTE FUNCTION tidemark.capture("
      + shape.key.map { quoted(postgresLiteral: $0) }.joined(separator: ", ") + ")"
    let isRekeyed = shape.key.map { quoted(postgresIdentifier: $0) }
      .map { "OLD.\($0)::text IS DISTINCT FROM NEW.\($0)::text" }.joined(separator: " OR ")
    let old = "OLD TABLE AS tidemark_old"
    let new = "NEW TABLE AS tidemark_new"
    let definitions = [
      ("tidemark_insert", "INSERT ON \(shape.sql) REFERENCING \(new) FOR EACH STATEMENT \(call)"),
      ("tidemark_update", "UPDATE ON \(shape.sql) REFERENCING \(old) \(new) FOR EACH STATEMENT \(call)"),
      (
        "tidemark_rekeyed",
        "UPDATE ON \(shape.sql) FOR EACH ROW WHEN (\(isRekeyed)) EXECUTE FUNCTION tidemark.rekeyed()"
      ),
      ("tidemark_delete", "DELETE ON \(shape.sql) REFERENCING \(old) FOR EACH STATEMENT \(call)"),
      ("tidemark_truncate", "TRUNCATE ON \(shape.sql) FOR EACH STATEMENT \(call)"),
    ]
    let enable = definitions.map { "ENABLE ALWAYS TRIGGER \($0.0)" }.joined(separator: ", ")
    return definitions.map { "CREATE TRIGGER \($0.0) AFTER \($0.1)" } + ["ALTER TABLE \(shape.sql) \(enable)"]
  }

  private static func record(_ name: String, _ shape: TableShape) -> String {
    let table = quoted(postgresLiteral: shape.sql) + "::regclass"
    return """
      INSERT INTO tidemark.captured (relation, name, key, signature)
      VALUES (\(table), \(quoted(postgresLiteral: name)), tidemark.key_columns(\(table)), tidemark.signature(\(table)))
      ON CONFLICT (relation) DO UPDATE SET name = excluded.name, key = excluded.key, signature = excluded.signature
      """
  }
}
