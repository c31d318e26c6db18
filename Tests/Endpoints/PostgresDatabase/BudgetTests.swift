import Changes
import Postgres
import PostgresDatabase
import Support
import Testing

/// A database that may keep only so much for capture lets changes go, and says of which tables.
struct BudgetTests {
  private static let budget: Int64 = 1_000_000
  private static let schema = """
    CREATE TABLE items (id bigint PRIMARY KEY, note text NOT NULL);
    CREATE TABLE sales (id bigint PRIMARY KEY, note text NOT NULL) PARTITION BY HASH (id);
    CREATE TABLE sales_0 PARTITION OF sales FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE sales_1 PARTITION OF sales FOR VALUES WITH (MODULUS 2, REMAINDER 1)
    """

  private static func scene(
    _ capture: CaptureMode, budget: Budget = Budget(bytes: budget)
  ) async throws -> (PostgresScene, PostgresDatabase) {
    let scene = try await PostgresScene(schema, tables: ["items", "sales"], attached: false)
    let database = try await PostgresDatabase(
      name: "shop", url: scene.url, tables: scene.tables, capture: capture, budget: budget)
    try await database.attach(scene.tables)
    return (scene, database)
  }

  private static func isFull(_ scene: PostgresScene) async throws -> Bool {
    try await scene.text("SELECT tidemark.is_full()::text") == "true"
  }

  @Test func `an outbox stays within its budget while nobody reads it, and fits again when it was read`() async throws {
    let (scene, database) = try await Self.scene(.trigger)
    try await scene.execute("INSERT INTO sales VALUES (1, 'small')")
    for part in 0..<20 {
      try await scene.execute(
        "INSERT INTO items SELECT n, repeat('x', 500) FROM generate_series(\(part * 500 + 1), \(part * 500 + 500)) n")
    }
    #expect(try await scene.text("SELECT count(*) FROM items") == "10000")
    // One statement may pass the budget, none after it.
    let size = Int64(try await scene.text("SELECT pg_relation_size('tidemark.outbox')")) ?? 0
    #expect(size > Self.budget && size < 2 * Self.budget)
    #expect(try await database.vitals().safeBytes == 0)

    var (told, letGo, position) = (0, Set<EndpointName>(), Position?.none)
    repeat {
      let batch = try await database.next(after: position)
      told += batch.changes.count
      letGo.formUnion(batch.letGo)
      try await database.release(through: batch.through)
      position = batch.through
    } while try await Self.isFull(scene)
    #expect(told > 1000 && told < 10_001)
    #expect(letGo == [EndpointName(system: "shop", name: "items")])

    try await scene.execute("UPDATE items SET note = 'y' WHERE id = 9999")
    let (changes, _) = try await database.drain(after: position)
    #expect(changes.map(\.brief) == ["update 9999"])
  }

  @Test func `every committed row is told, or its table is let go after the row can be read`() async throws {
    let seed = UInt64.random(in: 1...UInt64(UInt32.max))
    print("BudgetTests seed \(seed)")
    let (scene, database) = try await Self.scene(.trigger)
    let writers = Task {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for writer in 0..<4 {
          group.addTask { try await Self.write(scene.url, writer, seed &+ UInt64(writer)) }
        }
        try await group.waitForAll()
      }
    }
    var known: [String: Set<String>] = ["items": [], "sales": []]
    var (position, notes, isOver) = (Position?.none, 0, false)
    while true {
      let batch = try await database.next(after: position)
      for change in batch.changes { known[change.endpoint.name]?.insert(change.key.description) }
      for endpoint in batch.letGo {
        notes += 1
        let rows = try await scene.application.run {
          try $0.all("SELECT id::text FROM \(endpoint.name)") { $0.string(0) }
        }
        known[endpoint.name]?.formUnion(rows)
      }
      try await database.release(through: batch.through)
      position = batch.through
      if isOver, batch.completeAsOf != nil, batch.changes.isEmpty, batch.letGo.isEmpty { break }
      if !isOver, try await scene.text("SELECT count(*) FROM done") == "4" { isOver = true }
    }
    try await writers.value
    for (table, keys) in known {
      let rows = try await scene.application.run { try $0.all("SELECT id::text FROM \(table)") { $0.string(0) } }
      #expect(Set(rows).subtracting(keys).isEmpty, "seed \(seed), \(table)")
    }
    #expect(notes > 0, "nothing was let go: the test shows nothing")
  }

  /// Transactions of a few statements on both tables; a third of them is rolled back.
  private static func write(_ url: String, _ writer: Int, _ seed: UInt64) async throws {
    var numbers = SeededNumbers(state: seed)
    let connection = PostgresConnection(url: url)
    var id = writer * 1_000_000
    try await connection.run { try $0.execute("CREATE TABLE IF NOT EXISTS done (writer int)") }
    for _ in 0..<60 {
      var sql = "BEGIN;"
      for _ in 0..<Int.random(in: 1...4, using: &numbers) {
        let count = Int.random(in: 1...200, using: &numbers)
        sql +=
          "INSERT INTO \(Bool.random(using: &numbers) ? "items" : "sales")"
          + " SELECT \(id) + n, repeat('x', 300) FROM generate_series(1, \(count)) n;"
        id += count
        if Int.random(in: 0..<4, using: &numbers) == 0 { sql += "SELECT pg_sleep(0.01);" }
      }
      sql += Int.random(in: 0..<3, using: &numbers) == 0 ? "ROLLBACK" : "COMMIT"
      let statement = sql
      try await connection.run { try $0.execute(statement) }
    }
    try await connection.run { try $0.execute("INSERT INTO done VALUES (\(writer))") }
  }

  @Test func `write-ahead log beyond the budget is let go, which shows as a gap`() async throws {
    // The slot counts the WAL of the whole cluster, that of other tests included.
    let budget: Int64 = 50_000_000
    let (scene, database) = try await Self.scene(.wal, budget: Budget(bytes: budget))
    try await scene.execute("INSERT INTO items VALUES (1, 'a')")
    let (changes, position) = try await database.drain()
    #expect(changes.map(\.brief) == ["insert 1"])
    try await scene.execute("INSERT INTO items SELECT n, repeat(md5(n::text), 50) FROM generate_series(2, 40000) n")
    #expect(try await database.vitals().safeBytes == 0)
    #expect(try await database.letGo(after: .zero) ?? 0 > budget)
    #expect(try await database.letGo(after: .zero) == nil)
    let gap = await #expect(throws: CaptureGap.self) { try await database.next(after: position) }
    let resume = try #require(gap?.resume)
    try await scene.execute("INSERT INTO items VALUES (40001, 'b')")
    #expect(try await database.drain(after: resume).changes.map(\.brief) == ["insert 40001"])
  }

  @Test func `a budget is changed by attaching again, without a gap`() async throws {
    let (scene, database) = try await Self.scene(.trigger)
    let (_, position) = try await database.drain()
    let unbounded = try await PostgresDatabase(name: "shop", url: scene.url, tables: scene.tables, capture: .trigger)
    #expect(try await !unbounded.attachPlan(scene.tables).isEmpty)
    try await unbounded.attach(scene.tables)
    #expect(try await unbounded.attachPlan(scene.tables).isEmpty)
    for part in 0..<4 {
      try await scene.execute(
        "INSERT INTO items SELECT n, repeat('x', 500) FROM generate_series(\(part * 1000 + 1), \(part * 1000 + 1000)) n"
      )
    }
    #expect(try await unbounded.drain(after: position).changes.count == 4000)
  }

  @Test func `an outbox that nobody has read for as long as its budget says keeps no more, until somebody has`()
    async throws
  {
    let (scene, database) = try await Self.scene(.trigger, budget: Budget(age: .seconds(3600)))
    try await scene.execute("INSERT INTO items VALUES (1, 'kept')")
    #expect(try await Self.isFull(scene) == false)
    try await scene.execute("UPDATE tidemark.installation SET read_at = clock_timestamp() - interval '3601 s'")
    try await scene.execute("INSERT INTO items VALUES (2, 'let go')")
    var (changes, letGo, position) = ([Change](), Set<EndpointName>(), Position?.none)
    // The reading is noted with a heartbeat, once all was read.
    while try await Self.isFull(scene) {
      let batch = try await database.next(after: position)
      changes += batch.changes
      letGo.formUnion(batch.letGo)
      position = batch.through
    }
    #expect(changes.map(\.brief) == ["insert 1"] && letGo == [EndpointName(system: "shop", name: "items")])
    try await scene.execute("INSERT INTO items VALUES (3, 'kept')")
    #expect(try await database.next(after: position).changes.map(\.brief) == ["insert 3"])
  }

  @Test func `a slot that was not read for as long as its budget says is moved on`() async throws {
    let (scene, database) = try await Self.scene(.wal, budget: Budget(age: .seconds(3600)))
    try await scene.execute("INSERT INTO items VALUES (1, 'x')")
    #expect(try await database.letGo(after: .seconds(3599)) == nil)
    #expect(try await database.letGo(after: .seconds(3601)) ?? 0 > 0)
  }
}
