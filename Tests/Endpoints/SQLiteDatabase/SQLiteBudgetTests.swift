import Changes
import SQLiteDatabase
import Support
import Testing

/// A file that may keep only so much for capture lets changes go, and says of which tables.
struct SQLiteBudgetTests {
  private static let schema = """
    CREATE TABLE items (id INTEGER PRIMARY KEY, code TEXT UNIQUE, note TEXT);
    CREATE TABLE sales (id INTEGER PRIMARY KEY, note TEXT);
    """

  /// About 50 changes.
  private static func database(_ file: ScratchDatabase, budget: Budget? = Budget(bytes: 50 * 1024)) async throws
    -> SQLiteDatabase
  {
    try await SQLiteDatabase(name: "shop", path: file.path, tables: ["items", "sales"], budget: budget)
  }

  @Test(arguments: ["INSERT", "INSERT OR REPLACE", "INSERT OR IGNORE", "INSERT OR FAIL"])
  func `an outbox stays within its budget while nobody reads it, whatever the application's conflict clause`(
    _ insert: String
  ) async throws {
    let file = try ScratchDatabase(Self.schema)
    let database = try await Self.database(file)
    try await database.attach(["items", "sales"])
    try file.shell("INSERT INTO sales VALUES (1, 'a')")
    for id in 1...200 { try file.shell("\(insert) INTO items VALUES (\(id), 'c\(id)', 'x')") }
    try file.shell("DELETE FROM items WHERE id = 200; UPDATE items SET note = 'y' WHERE id = 199")
    #expect(try file.shell("SELECT count(*) FROM items") == "199\n")
    #expect(try file.shell("SELECT count(*) FROM _tidemark_outbox") == "51\n")
    #expect(try await database.vitals().safeBytes == 0)
    let batch = try await database.next(after: nil)
    #expect(batch.changes.count == 51)
    #expect(batch.letGo == [EndpointName(system: "shop", name: "items")])
    try await database.release(through: batch.through)
    #expect(try file.shell("SELECT count(*) FROM _tidemark_let_go") == "0\n")
    try file.shell("UPDATE sales SET note = 'b'")
    let later = try await database.next(after: batch.through)
    #expect(later.changes.map(\.text) == [#"update 1 {"id":1,"note":"b"}"#] && later.letGo.isEmpty)
  }

  @Test func `what is let go after a table was told to be is told once more`() async throws {
    let file = try ScratchDatabase(Self.schema)
    let database = try await Self.database(file)
    try await database.attach(["items", "sales"])
    for id in 1...60 { try file.shell("INSERT INTO items VALUES (\(id), 'c\(id)', 'x')") }
    let first = try await database.next(after: nil)
    #expect(!first.letGo.isEmpty)
    // Nothing was released: the service died here, or the application was quicker.
    try file.shell("INSERT INTO items VALUES (61, 'c61', 'x')")
    let again = try await Self.database(file)
    let second = try await again.next(after: first.through)
    #expect(second.letGo == first.letGo)
    try await again.release(through: second.through)
    #expect(try file.shell("SELECT count(*) FROM _tidemark_let_go") == "0\n")
  }

  @Test func `a budget is changed by attaching again, without a gap`() async throws {
    let file = try ScratchDatabase(Self.schema)
    let before = try file.schema()
    let database = try await Self.database(file)
    try await database.attach(["items", "sales"])
    let place = try await database.drain().through
    let unbounded = try await Self.database(file, budget: nil)
    try await unbounded.attach(["items", "sales"])
    #expect(try await unbounded.attachPlan(["items", "sales"]).isEmpty)
    for id in 1...60 { try file.shell("INSERT INTO items VALUES (\(id), 'c\(id)', 'x')") }
    #expect(try await unbounded.drain(after: place).changes.count == 60)
    try await database.attach(["items", "sales"])
    #expect(try await database.attachPlan(["items", "sales"]).isEmpty)
    try await database.detach()
    #expect(try file.schema() == before)
  }

  @Test func `an outbox whose oldest change is older than its budget says keeps no more, until it was read`()
    async throws
  {
    let file = try ScratchDatabase(Self.schema)
    let database = try await Self.database(file, budget: Budget(age: .seconds(3600)))
    try await database.attach(["items", "sales"])
    try file.shell("INSERT INTO items VALUES (1, 'c1', 'kept'); INSERT INTO items VALUES (2, 'c2', 'kept')")
    try file.shell("UPDATE _tidemark_outbox SET at = at - 3601000")
    try file.shell("INSERT INTO items VALUES (3, 'c3', 'let go')")
    let batch = try await database.next(after: nil)
    #expect(batch.changes.count == 2 && batch.letGo == [EndpointName(system: "shop", name: "items")])
    try await database.release(through: batch.through)
    try file.shell("INSERT INTO items VALUES (4, 'c4', 'kept')")
    let later = try await database.next(after: batch.through)
    #expect(later.changes.map { $0.key.description } == ["4"] && later.letGo.isEmpty)
  }
}
