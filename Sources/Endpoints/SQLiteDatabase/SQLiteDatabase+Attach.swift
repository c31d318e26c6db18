package import Changes
import Glibc
import SQLite

extension SQLiteDatabase {
  package func attachPlan(_ tables: [String]) async throws -> [String] {
    let (attached, bound) = (attached(tables), bound)
    return try await Self.patiently(current().reader, .deferred) {
      try Self.plan(attached, bound, in: $0)
    }
  }

  package func attach(_ tables: [String]) async throws {
    let (attached, bound) = (attached(tables), bound)
    try await change { try Self.plan(attached, bound, in: $0) }
  }

  /// Those that are not polled.
  private func attached(_ tables: [String]) -> [String] { tables.filter { polling[$0] == nil } }

  package func detachPlan() async throws -> [String] {
    try await Self.patiently(current().reader, .deferred) { try Installation(in: $0).detaching() }
  }

  /// Leaves the schema as it was. One thing cannot be undone: SQLite's own `sqlite_sequence`, empty, stays behind where
  /// no other table uses AUTOINCREMENT, since SQLite lets nobody drop it.
  package func detach() async throws {
    try await change { try Installation(in: $0).detaching() }
  }

  /// Runs the planned statements in one transaction; takes no lock when there are none.
  private func change(_ plan: @escaping @Sendable (SQLiteSession) throws -> [String]) async throws {
    let (reader, writer) = try await current()
    if try await Self.patiently(reader, .deferred, { try plan($0).isEmpty }) { return }
    try await Self.patiently(writer, .immediate) { session in
      for statement in try plan(session) { try session.execute(statement) }
    }
    forget()
  }

  private static func plan(_ tables: [String], _ bound: OutboxBound, in session: SQLiteSession) throws -> [String] {
    var shapes: [TableShape] = []
    for table in tables {
      let shape = try TableShape(table, in: session)
      if !shapes.contains(where: { $0.name == shape.name }) { shapes.append(shape) }
    }
    let installation = try Installation(in: session)
    if shapes.isEmpty, installation.version == 0 { return [] }
    return try installation.attaching(shapes, bound, in: session)
  }

  package func check(_ tables: [String]) async throws -> [Finding] {
    var findings: [Finding] = []
    let slash = path.lastIndex(of: "/")
    let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let isWritten = tables.contains { table in polling[table].map { $0.use.writes != .nothing } ?? true }
    for place in isWritten ? [path, directory] : [] where unsafe access(place, W_OK) != 0 {
      findings.append(
        Finding(
          .error, place, "may not be written, so neither triggers nor changes can be put there",
          remedy: "chmod u+w '\(place)', or run Tidemark as the user who owns it"))
    }
    let reader = try await current().reader
    for table in tables {
      let polling = polling[table]
      let finding: Finding? = try await Self.patiently(reader, .deferred) { session in
        do {
          let shape = try TableShape(table, polling, in: session)
          return try polling.flatMap { try Self.cursorFinding(table, $0, shape, in: session) }
        } catch let failure as Failure {
          return Finding(.error, table, failure.message)
        }
      }
      if let finding { findings.append(finding) }
    }
    return findings
  }

  /// Without an index that begins with the cursor each page is a sort of the whole table.
  private static func cursorFinding(
    _ table: String, _ polling: PollSettings, _ shape: TableShape, in session: SQLiteSession
  ) throws -> Finding? {
    guard let cursor = polling.cursor, shape.keyNames.first != cursor else { return nil }
    let isIndexed = try session.first(
      """
      SELECT 1 FROM pragma_index_list(?1) l, pragma_index_info(l.name) i
      WHERE i.seqno = 0 AND i.name = ?2 AND NOT l.partial UNION ALL
      SELECT 1 FROM main.sqlite_schema WHERE type = 'view' AND name = ?1
      """, [.text(shape.name), .text(cursor)]
    ) { _ in true }
    guard isIndexed == nil else { return nil }
    let columns = ([cursor] + shape.keyNames).map(quoted(sqliteIdentifier:)).joined(separator: ", ")
    return Finding(
      .warning, table, "no index begins with the cursor \(cursor): each round reads the whole table",
      remedy: "CREATE INDEX … ON \(quoted(sqliteIdentifier: shape.name)) (\(columns))")
  }

  /// An outbox of SQLite lets changes go by itself: nothing else is kept for capture.
  package func letGo(after standstill: Duration) async throws -> Int64? { nil }

  package func captureLives() async throws -> [String: String] {
    let tables = tables
    return try await Self.patiently(current().reader, .deferred) { session in
      let installation = try Installation(in: session)
      var lives: [String: String] = [:]
      for table in tables {
        guard let shape = try? TableShape(table, in: session) else { continue }
        lives[table] = installation.captured.last { $0.isActive && $0.name == shape.name }?.life
      }
      return lives
    }
  }

  /// Bytes are those of the captured values, which is a little less than the pages that hold them.
  package func vitals() async throws -> DatabaseVitals {
    try await current().reader.transaction(.deferred) { session in
      let installation = try Installation(in: session)
      guard installation.version > 0 else {
        return DatabaseVitals()
      }
      let size = (0..<installation.width).map { "coalesce(length(CAST(v\($0) AS BLOB)), 0)" }.joined(separator: " + ")
      let sql = "SELECT count(*), coalesce(sum(16 + \(size)), 0) FROM main.\"_tidemark_outbox\""
      let (changes, bytes) = try session.first(sql) { ($0.integer(0), $0.integer(1)) } ?? (0, 0)
      let room = installation.bound.mostChanges.map { max(0, $0 - changes) * Budget.bytesOfChange }
      return DatabaseVitals(outboxChanges: changes, retainedBytes: bytes, safeBytes: room)
    }
  }
}
