import Changes
import Foundation
import JSON
import SQLiteDatabase
import Testing

@Suite struct InstallationTests {
  static let schema = """
    CREATE TABLE "odd ""name" (a TEXT, "b c" INT, g AS (a || 'x'), PRIMARY KEY ("b c", a)) WITHOUT ROWID;
    CREATE TABLE strict (id INTEGER PRIMARY KEY AUTOINCREMENT, v ANY) STRICT;
    """

  @Test func `Attaching twice changes nothing, and detaching leaves the schema as it was`() async throws {
    let scratch = try ScratchDatabase(Self.schema)
    let before = try scratch.schema()
    let tables = ["odd \"name", "main.strict"]
    let database = try await scratch.attached(tables)
    #expect(try await database.attachPlan(tables).isEmpty)
    try scratch.shell("INSERT INTO \"odd \"\"name\" VALUES ('k', 7); INSERT INTO strict (v) VALUES (1.5);")
    #expect(
      try await database.drain().changes.map(\.text) == [
        #"insert [7,"k"] {"a":"k","b c":7,"g":"kx"}"#, #"insert 1 {"id":1,"v":1.5}"#,
      ])
    try await database.attach(["strict"])
    #expect(try await database.attachPlan(["strict"]).isEmpty)
    try await database.detach()
    #expect(try await database.detachPlan().isEmpty)
    #expect(try scratch.schema() == before)
  }

  @Test(arguments: [
    "DROP TRIGGER _tidemark_update_t;", "DROP TABLE t; CREATE TABLE t (id INTEGER PRIMARY KEY, v);",
    "ALTER TABLE t ADD COLUMN w;", "DROP TABLE _tidemark_outbox;", "ALTER TABLE t RENAME COLUMN v TO u;",
  ])
  func `What capture cannot see is a gap, also after it was repaired`(damage: String) async throws {
    let scratch = try ScratchDatabase("CREATE TABLE t (id INTEGER PRIMARY KEY, v);")
    let database = try await scratch.attached(["t"])
    let position = try await database.drain().through
    try scratch.shell(damage)
    await #expect(throws: CaptureGap.self) { try await database.next(after: position) }
    try await database.attach(["t"])
    #expect(try await database.attachPlan(["t"]).isEmpty)
    let gap = await #expect(throws: CaptureGap.self) { try await database.next(after: position) }
    try scratch.shell("INSERT INTO t (id) VALUES (1);")
    #expect(try await database.next(after: gap?.resume).changes.count == 1)
  }

  @Test func `A replaced file is another epoch`() async throws {
    let scratch = try ScratchDatabase("CREATE TABLE t (id INTEGER PRIMARY KEY);")
    let database = try await scratch.attached(["t"])
    let position = try await database.drain().through
    let copy = scratch.path + ".copy"
    try FileManager.default.copyItem(atPath: scratch.path, toPath: copy)
    try #require(rename(copy, scratch.path) == 0)
    let gap = await #expect(throws: CaptureGap.self) { try await database.next(after: position) }
    #expect(try await database.next(after: #require(gap?.resume)).completeAsOf != nil)
  }

  @Test(arguments: [(isReleased: false, added: 0), (false, 5), (true, 0), (true, 5)])
  func `An older copy restored into the same file is a gap, also after it was written to`(
    isReleased: Bool, added: Int
  ) async throws {
    let scratch = try ScratchDatabase("CREATE TABLE t (id INTEGER PRIMARY KEY, v);")
    let database = try await scratch.attached(["t"])
    try scratch.shell("INSERT INTO t (v) VALUES (1), (2);\n.backup '\(scratch.path).old'")
    try scratch.shell("INSERT INTO t (v) VALUES (3), (4), (5);")
    let position = try #require(try await database.drain().through)
    if isReleased { try await database.release(through: position) }
    try scratch.shell(".restore '\(scratch.path).old'")
    for value in 0..<added { try scratch.shell("INSERT INTO t (v) VALUES (\(value));") }
    let gap = await #expect(throws: CaptureGap.self) { try await database.next(after: position) }
    #expect(gap?.reason.contains("older copy") == true)
    #expect(try await database.drain(after: gap?.resume).changes.map(\.stamp.number) == Array(1...Int64(2 + added)))
  }

  @Test func `A change of an unknown table is a gap of its own, and none around it is lost`() async throws {
    let scratch = try ScratchDatabase("CREATE TABLE t (id INTEGER PRIMARY KEY);")
    let database = try await scratch.attached(["t"])
    let stray = "INSERT INTO _tidemark_outbox (shape, operation, at) VALUES (99, 1, 0), (1, 77, 0);"
    try scratch.shell("INSERT INTO t VALUES (1); \(stray) INSERT INTO t VALUES (2);")
    let before = try await database.next(after: nil)
    #expect(before.changes.map(\.key) == [RecordKey(1)])
    #expect(before.completeAsOf == nil)
    let gap = await #expect(throws: CaptureGap.self) { try await database.next(after: before.through) }
    let after = try await database.next(after: #require(gap?.resume))
    #expect(after.changes.map(\.key) == [RecordKey(2)])
    #expect(after.completeAsOf != nil)
  }

  @Test func `Check names what cannot be captured and what was probably meant`() async throws {
    let scratch = try ScratchDatabase("CREATE TABLE customers (a); CREATE VIEW v AS SELECT 1;")
    let database = try await SQLiteDatabase(name: "shop", path: scratch.path, tables: [])
    let messages = try await database.check(["customers", "custmers", "v"]).map(\.message)
    #expect(messages.count == 3)
    #expect(messages[0].contains("PRIMARY KEY"))
    #expect(messages[1].contains("did you mean customers?"))
    #expect(messages[2].contains("virtual"))
  }
}
