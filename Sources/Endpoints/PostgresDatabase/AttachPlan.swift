import Changes
import Migrations
import Postgres

/// What stands between what is installed and what should be.
struct AttachPlan {
  /// Statements that run together, or one that runs outside a transaction.
  enum Step {
    case transaction([String])
    /// A slot cannot be made in a transaction that has written.
    case alone(String)
  }

  private(set) var steps: [Step] = []

  var statements: [String] {
    steps.flatMap { step in
      switch step {
      case .transaction(let statements): statements
      case .alone(let statement): [statement]
      }
    }
  }

  /// - Parameter budget: what the outbox may keep; nil: no limit.
  init(
    _ tables: [String], _ mode: Installation.Mode, _ triggers: TriggerSettings, budget: Budget?,
    _ session: PostgresSession
  ) throws {
    let standing = try Standing(tables, mode, triggers, session)
    switch mode {
    case .trigger: add(Self.triggerStatements(standing))
    case .wal:
      let slot = try WALSlot.load(session)
      let name = quoted(postgresLiteral: try WALSlot.name(session))
      // Without its publication a slot can never decode again what was written meanwhile.
      let isUseless = slot.map { $0.fault != nil || standing.published == nil } ?? false
      if isUseless { steps.append(.alone("SELECT pg_drop_replication_slot(\(name))")) }
      add(standing.migrations + Self.publicationStatements(standing))
      if slot == nil || isUseless {
        steps.append(.alone("SELECT pg_create_logical_replication_slot(\(name), 'pgoutput')"))
      }
      add(Self.walStatements(standing))
    }
    if standing.installation?.budget != budget { add(Self.budgetStatements(budget)) }
  }

  /// The bytes are written into the function: looking them up would cost every statement of the application a query. An age
  /// costs that query: when somebody last read is noted in a row, since asking the outbox for its oldest row would be dear
  /// behind the many that were deleted.
  private static func budgetStatements(_ budget: Budget?) -> [String] {
    let size = budget?.bytes.map { "pg_catalog.pg_relation_size('tidemark.outbox'::pg_catalog.regclass) > \($0)" }
    let age = budget?.age.map { age in
      "(SELECT i.read_at < pg_catalog.clock_timestamp() - '\(age.components.seconds) s'::interval"
        + " FROM tidemark.installation i)"
    }
    let isFull = [size, age].compactMap { $0 }.joined(separator: " OR ")
    let seconds = budget?.age.map { String($0.components.seconds) } ?? "NULL"
    return [
      "UPDATE tidemark.installation SET budget = \(budget?.bytes.map(String.init) ?? "NULL"), budget_age = \(seconds),"
        + " read_at = clock_timestamp()",
      "CREATE OR REPLACE FUNCTION tidemark.is_full() RETURNS boolean LANGUAGE sql STABLE"
        + " RETURN \(isFull.isEmpty ? "false" : isFull)",
    ]
  }

  private mutating func add(_ statements: [String]) {
    if !statements.isEmpty { steps.append(.transaction(statements)) }
  }

  /// What is there now, and what is wanted.
  private struct Standing {
    var mode: Installation.Mode
    var wanted: TriggerSettings
    var installation: Installation?
    var migrations: [String]
    var isUpgraded: Bool
    var shapes: [(name: String, shape: TableShape)]
    var triggers: [InstalledTriggers]
    /// Whether the outbox notifies.
    var isNotified: Bool
    /// Oids of the tables in the publication; nil where there is none.
    var published: [Int64: String]?

    init(
      _ tables: [String], _ mode: Installation.Mode, _ wanted: TriggerSettings, _ session: PostgresSession
    ) throws {
      self.mode = mode
      self.wanted = wanted
      shapes = try AttachPlan.shapes(tables, session)
      for (_, shape) in shapes {
        if mode == .wal { try shape.requireIdentity() } else { try shape.requireOrderOfKeys() }
      }
      let isThere = try Installation.exists(session)
      if isThere { try AttachPlan.refuseNewer(session) }
      // What came along in a dump is about the database it was made from: its outbox and its places mean nothing here.
      let isCopy = try isThere && Installation.isCopy(session)
      let isInstalled = isThere && !isCopy
      migrations =
        (isCopy ? ["DROP SCHEMA tidemark CASCADE"] : []) + (try AttachPlan.migrations(isInstalled, session))
      isUpgraded = isInstalled && !migrations.isEmpty
      // Before it is upgraded, an older installation cannot be read: its tables are recorded anew.
      installation = isInstalled && !isUpgraded ? try Installation.load(session) : nil
      triggers = isInstalled ? try InstalledTriggers.load(session) : []
      isNotified = try isInstalled && CaptureTriggers.isNotified(session)
      published = try WALSlot.publishedTables(session)
    }

    var captured: [Installation.Captured] { installation?.captured ?? [] }
    var isSwitched: Bool { installation.map { $0.mode != mode } ?? (mode == .wal) }

    /// Captured tables that are not to be any more.
    var forgotten: [String] {
      captured.filter { old in !shapes.contains { $0.shape.oid == old.relation } }
        .map { "DELETE FROM tidemark.captured WHERE relation = \($0.relation)" }
    }

    /// Tables to be recorded, and whether changes of some went unseen.
    var unrecorded: (shapes: [(name: String, shape: TableShape)], isInterrupted: Bool) {
      var unrecorded: [(name: String, shape: TableShape)] = []
      var isInterrupted = isUpgraded
      for (name, shape) in shapes {
        let known = captured.first { $0.relation == shape.oid }
        if let known, known.fault == nil, !isSwitched, !mustBeMadeAnew(shape) { continue }
        isInterrupted = isInterrupted || known?.fault != nil || (known == nil && captured.contains { $0.name == name })
        unrecorded.append((name, shape))
      }
      return (unrecorded, isInterrupted)
    }

    /// Whether the table's triggers are strict and should be lenient, or the other way. Nothing went unseen.
    private func mustBeMadeAnew(_ shape: TableShape) -> Bool {
      mode == .trigger && triggers.contains { $0.relation == shape.oid && $0.isLenient != wanted.isLenient }
    }

    /// Tables whose configured name changed and nothing else.
    var renamed: [(name: String, shape: TableShape)] {
      shapes.filter { name, shape in
        captured.contains { $0.relation == shape.oid && $0.fault == nil && $0.name != name }
      }
    }
  }

  // MARK: - trigger

  private static func triggerStatements(_ standing: Standing) -> [String] {
    let (unrecorded, isInterrupted) = standing.unrecorded
    var statements = standing.migrations
    let wanted = Set(standing.shapes.flatMap(\.shape.tree))
    for installed in standing.triggers where !wanted.contains(installed.relation) {
      statements += installed.dropStatements
    }
    statements += standing.forgotten
    for (_, shape) in unrecorded {
      statements += standing.triggers.filter { shape.tree.contains($0.relation) }.flatMap(\.dropStatements)
      statements += CaptureTriggers(shape, isLenient: standing.wanted.isLenient).statements
    }
    for (_, shape) in standing.shapes where !unrecorded.contains(where: { $0.shape.oid == shape.oid }) {
      let new = shape.partitions.filter { part in !standing.triggers.contains { $0.relation == part.oid } }
      statements += CaptureTriggers(shape, isLenient: standing.wanted.isLenient).statements(ofParts: new)
    }
    // The triggers' locks have waited for every writer: what the WAL tells before this was written without them.
    for (_, table) in (standing.published ?? [:]).sorted(by: { $0.key < $1.key }) {
      statements.append("ALTER PUBLICATION \(quoted(postgresIdentifier: WALSlot.publication)) DROP TABLE \(table)")
    }
    statements += (standing.renamed + unrecorded).map(record)
    return statements + notification(standing, standing.wanted.isNotified) + life(standing, isInterrupted)
  }

  private static func notification(_ standing: Standing, _ isWanted: Bool) -> [String] {
    guard isWanted != standing.isNotified else { return [] }
    return isWanted ? CaptureTriggers.notifying : CaptureTriggers.silencing
  }

  // MARK: - wal

  /// Empty at first: a slot that begins before its publication exists could never decode what lies between.
  private static func publicationStatements(_ standing: Standing) -> [String] {
    guard standing.published == nil else { return [] }
    return [
      "CREATE PUBLICATION \(quoted(postgresIdentifier: WALSlot.publication))"
        + " WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = true)"
    ]
  }

  private static func walStatements(_ standing: Standing) -> [String] {
    let (unrecorded, isInterrupted) = standing.unrecorded
    let publication = quoted(postgresIdentifier: WALSlot.publication)
    let published = standing.published ?? [:]
    let wanted = Set(standing.shapes.map(\.shape.oid))
    var statements: [String] = []
    for (oid, table) in published.sorted(by: { $0.key < $1.key }) where !wanted.contains(oid) {
      statements.append("ALTER PUBLICATION \(publication) DROP TABLE \(table)")
    }
    for (_, shape) in standing.shapes where published[shape.oid] == nil {
      statements.append("ALTER PUBLICATION \(publication) ADD TABLE \(shape.sql)")
    }
    // Dropping a trigger waits for every writer: what was written before it went to the outbox, all after is published.
    statements += standing.triggers.flatMap(\.dropStatements)
    statements += standing.forgotten
    statements += (standing.renamed + unrecorded).map(record)
    return statements + notification(standing, false) + life(standing, isInterrupted)
  }

  /// Another mode, or another life: changes went unseen, so positions from before must not be continued from as if none
  /// had.
  private static func life(_ standing: Standing, _ isInterrupted: Bool) -> [String] {
    var statements: [String] = []
    if standing.isSwitched {
      statements.append(
        "UPDATE tidemark.installation SET mode = '\(standing.mode.rawValue)', since = pg_current_wal_insert_lsn()")
    }
    if isInterrupted {
      statements.append("UPDATE tidemark.installation SET id = gen_random_uuid(), installed_at = clock_timestamp()")
    }
    return statements
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

  private static func record(_ table: (name: String, shape: TableShape)) -> String {
    let (name, shape) = table
    let table = quoted(postgresLiteral: shape.sql) + "::regclass"
    return """
      INSERT INTO tidemark.captured (relation, name, key, signature)
      VALUES (\(table), \(quoted(postgresLiteral: name)), tidemark.key_columns(\(table)), tidemark.signature(\(table)))
      ON CONFLICT (relation) DO UPDATE SET name = excluded.name, key = excluded.key, signature = excluded.signature
      """
  }
}
