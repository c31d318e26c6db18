package import Changes
import Glibc
import SQLite

extension SQLiteDatabase {
  package func attachPlan(_ tables: [String]) async throws -> [String] {
    try await Self.patiently(current().reader, .deferred) { try Self.plan(tables, in: $0) }
  }

  package func attach(_ tables: [String]) async throws {
    try await change { try Self.plan(tables, in: $0) }
  }

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

  private static func plan(_ tables: [String], in session: SQLiteSession) throws -> [String] {
    var shapes: [TableShape] = []
    for table in tables {
      let shape = try TableShape(table, in: session)
      if !shapes.contains(where: { $0.name == shape.name }) { shapes.append(shape) }
    }
    return try Installation(in: session).attaching(shapes, in: session)
  }

  package func check(_ tables: [String]) async throws -> [Finding] {
    var findings: [Finding] = []
    let slash = path.lastIndex(of: "/")
    let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    for place in [path, directory] where unsafe access(place, W_OK) != 0 {
      findings.append(
        Finding(
          .error, place, "may not be written, so neither triggers nor changes can be put there",
          remedy: "chmod u+w '\(place)', or run Tidemark as the user who owns it"))
    }
    let reader = try await current().reader
    for table in tables {
      let finding: Finding? = try await Self.patiently(reader, .deferred) { session in
        do {
          _ = try TableShape(table, in: session)
          return nil
        } catch let failure as Failure {
          return Finding(.error, table, failure.message)
        }
      }
      if let finding { findings.append(finding) }
    }
    return findings
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
      return DatabaseVitals(outboxChanges: changes, retainedBytes: bytes)
    }
  }
}
