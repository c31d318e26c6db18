import Changes
import Foundation
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
