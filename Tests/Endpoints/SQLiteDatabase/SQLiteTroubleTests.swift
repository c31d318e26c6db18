import Changes
import JSON
import SQLite
import Testing

@testable import SQLiteDatabase

/// Locks, full disks and failing commits.
@Suite struct SQLiteTroubleTests {
  static let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, v);"

  @Test func `While another process holds the lock, capture waits and claims nothing`() async throws {
    let scratch = try ScratchDatabase(Self.schema)
    let database = try await scratch.attached(["t"])
    try scratch.shell("INSERT INTO t VALUES (1, 'a');")
    let table = try await database.table("t")
    let first = try await database.next(after: nil)
    let application = try await SQLiteConnection(path: scratch.path, access: .write)
    try await application.run { try $0.execute("BEGIN EXCLUSIVE") }

    let nothing = try await database.next(after: nil)
    let still = try await database.next(after: first.through)
    for batch in [nothing, still] {
      #expect(batch.changes.isEmpty)
      #expect(batch.completeAsOf == nil)
    }
    #expect(still.through == first.through)
    try await database.release(through: first.through)
    try await database.current().writer.run { try $0.execute("PRAGMA busy_timeout = 50") }
    #expect(await table.apply([write(.create, RecordKey(2), [:])])[0].name == "retry")

    try await application.run { try $0.execute("COMMIT") }
    #expect(try await database.next(after: nothing.through).changes == first.changes)
    #expect(try await database.next(after: first.through).completeAsOf != nil)
  }

  @Test func `Attaching says in words that the database is locked`() async throws {
    let scratch = try ScratchDatabase(Self.schema)
    let database = try await SQLiteDatabase(name: "shop", path: scratch.path, tables: ["t"])
    let application = try await SQLiteConnection(path: scratch.path, access: .write)
    try await application.run { try $0.execute("BEGIN IMMEDIATE") }
    let failure = await #expect(throws: Failure.self) { try await database.attach(["t"]) }
    #expect(failure?.code == "sqlite.busy")
    try await application.run { try $0.execute("COMMIT") }
    try await database.attach(["t"])
  }

  @Test func `A full disk is the whole end's trouble, and neither row nor change remains`() async throws {
    let scratch = try ScratchDatabase(Self.schema)
    let database = try await scratch.attached(["t"])
    let table = try await database.table("t")
    let writer = try await database.current().writer
    try await writer.run { session in
      let pages = try session.first("PRAGMA page_count") { $0.integer(0) } ?? 0
      _ = try session.first("PRAGMA max_page_count = \(pages)") { $0.integer(0) }
    }
    let large = JSONValue.string(String(repeating: "x", count: 100_000))
    let outcomes = await table.apply([write(.create, RecordKey(1), ["v": large])])
    #expect(outcomes[0].name == "unavailable")
    #expect(outcomes[0].failure?.code == "sqlite.13")
    #expect(try await database.drain().changes.isEmpty)
    #expect(try await table.records([RecordKey(1)]).isEmpty)
    try await writer.run { _ = try $0.first("PRAGMA max_page_count = 1000000") { $0.integer(0) } }
    #expect(await table.apply([write(.create, RecordKey(1), ["v": large])])[0].name == "applied")
  }

  @Test func `A commit that a deferred foreign key refuses fails only the write that is to blame`() async throws {
    let scratch = try ScratchDatabase(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, p REFERENCES t DEFERRABLE INITIALLY DEFERRED);")
    let database = try await scratch.attached(["t"])
    let table = try await database.table("t")
    let writes = [write(.create, RecordKey(1), [:]), write(.create, RecordKey(2), ["p": 77])]
    #expect(await table.apply(writes).map(\.name) == ["applied", "retry"])
    #expect(try await database.drain().changes.map(\.key) == [RecordKey(1)])
  }

  @Test(arguments: [
    // SQLITE_IOERR_FSYNC, _FULL, _BUSY, _TOOBIG, _NOMEM and a failing trigger.
    (Int32(1034), "COMMIT", "unknown"), (1034, "INSERT", "unavailable"), (13, "COMMIT", "unavailable"),
    (5, "COMMIT", "retry"), (18, "INSERT", "rejected"), (7, "INSERT", "unavailable"), (1, "INSERT", "retry"),
  ])
  func `What an error means for a write`(code: Int32, statement: String, outcome: String) async throws {
    let scratch = try ScratchDatabase(Self.schema)
    let connection = try await SQLiteConnection(path: scratch.path, access: .write)
    try await connection.run { session in
      let writer = TableWriter(shape: try TableShape("t", in: session), session: session)
      #expect(writer.outcome(of: SQLiteError(code: code, message: "", sql: statement)).name == outcome)
      #expect(writer.outcome(of: CancellationError()).name == "retry")
      try session.execute("ALTER TABLE t RENAME COLUMN v TO w")
      #expect(writer.outcome(of: SQLiteError(code: 1, message: "", sql: "INSERT")).name == "unavailable")
    }
  }
}
