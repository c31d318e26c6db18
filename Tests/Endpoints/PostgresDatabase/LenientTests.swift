import Changes
import Postgres
import PostgresDatabase
import Support
import Testing

/// What becomes of the application's statement where a trigger cannot capture it.
struct LenientTests {
  /// The outbox refuses what it is given.
  private static let breakage = "ALTER TABLE tidemark.outbox ADD CHECK (operation <> 2)"
  private static let schema = """
    CREATE TABLE items (id int PRIMARY KEY, name text);
    CREATE TABLE sales (id int PRIMARY KEY, name text) PARTITION BY RANGE (id);
    CREATE TABLE sales_1 PARTITION OF sales DEFAULT
    """

  private static func scene(isLenient: Bool) async throws -> (PostgresScene, PostgresDatabase) {
    let scene = try await PostgresScene(schema, tables: ["items", "sales"], attached: false)
    let database = try await Self.database(scene, isLenient: isLenient)
    try await database.attach(scene.tables)
    return (scene, database)
  }

  private static func database(_ scene: PostgresScene, isLenient: Bool) async throws -> PostgresDatabase {
    try await PostgresDatabase(
      name: "shop", url: scene.url, tables: scene.tables, capture: .trigger, isLenient: isLenient)
  }

  @Test func `strict capture fails the statement it cannot capture`() async throws {
    let (scene, database) = try await Self.scene(isLenient: false)
    try await scene.execute("INSERT INTO items VALUES (1, 'a'); \(Self.breakage)")
    await #expect(throws: PostgresError.self) { try await scene.execute("UPDATE items SET name = 'b'") }
    #expect(try await scene.text("SELECT name FROM items") == "a")
    #expect(try await database.drain().changes.map(\.brief) == ["insert 1"])
  }

  @Test(arguments: ["items", "sales"])
  func `lenient capture lets it pass, says so, and has the tables read again when its transaction is over`(
    _ table: String
  ) async throws {
    let (scene, database) = try await Self.scene(isLenient: true)
    try await scene.execute("INSERT INTO \(table) VALUES (1, 'a'); \(Self.breakage)")
    let (_, position) = try await database.drain()
    // A prepared transaction is open until somebody ends it, whatever becomes of its session.
    try await scene.execute("BEGIN; UPDATE \(table) SET name = 'b'; PREPARE TRANSACTION 'open_\(scene.name)'")
    let open = await #expect(throws: CaptureGap.self) {
      try await Self.database(scene, isLenient: true).next(after: position)
    }
    #expect(open?.resume == nil && open?.reason.contains("could not be captured") == true)
    // The service that was running when it happened finds out by itself.
    let running = await #expect(throws: CaptureGap.self) {
      var place = position
      while true { place = try await database.next(after: place).through }
    }
    #expect(running?.resume == nil)
    try await scene.execute("COMMIT PREPARED 'open_\(scene.name)'")
    let gap = await #expect(throws: CaptureGap.self) { try await database.next(after: position) }
    let resume = try #require(gap?.resume)
    #expect(try await scene.text("SELECT name FROM \(table)") == "b")
    try await scene.execute("INSERT INTO \(table) VALUES (2, 'c')")
    #expect(try await database.drain(after: resume).changes.map(\.brief) == ["insert 2"])
  }

  @Test func `a rolled back statement that was not captured counts all the same`() async throws {
    let (scene, database) = try await Self.scene(isLenient: true)
    try await scene.execute("INSERT INTO items VALUES (1, 'a'); \(Self.breakage)")
    let (_, position) = try await database.drain()
    try await scene.execute("BEGIN; UPDATE items SET name = 'b'; ROLLBACK")
    let gap = await #expect(throws: CaptureGap.self) {
      try await Self.database(scene, isLenient: true).next(after: position)
    }
    #expect(gap?.resume != nil)
  }

  @Test func `strictness is changed by attaching again, without a gap`() async throws {
    let (scene, database) = try await Self.scene(isLenient: false)
    let (_, position) = try await database.drain()
    let lenient = try await Self.database(scene, isLenient: true)
    #expect(try await !lenient.attachPlan(scene.tables).isEmpty)
    try await lenient.attach(scene.tables)
    #expect(try await lenient.attachPlan(scene.tables) == [])
    try await scene.execute("INSERT INTO items VALUES (1, 'a')")
    #expect(try await lenient.drain(after: position).changes.map(\.brief) == ["insert 1"])
    #expect(try await !database.attachPlan(scene.tables).isEmpty)
  }
}
