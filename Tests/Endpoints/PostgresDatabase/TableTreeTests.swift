import Changes
import JSON
import Postgres
import PostgresDatabase
import Support
import Testing

/// Partitioned tables and tables that inherit, in each way their changes are captured.
struct TableTreeTests {
  private static let sales = """
    CREATE TABLE sales (region text, id int, amount numeric, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
    CREATE TABLE sales_north PARTITION OF sales FOR VALUES IN ('north');
    CREATE TABLE sales_south (amount numeric, id int NOT NULL, region text NOT NULL);
    ALTER TABLE sales ATTACH PARTITION sales_south FOR VALUES IN ('south');
    """
  private static let modes = [CaptureMode.trigger, .wal]

  @Test(arguments: modes)
  func `a partitioned table is captured through itself and through its partitions`(_ mode: CaptureMode) async throws {
    let scene = try await PostgresScene(Self.sales, tables: ["sales"], capture: mode)
    try await scene.execute("INSERT INTO sales VALUES ('north', 1, 1.50), ('south', 2, 2)")
    try await scene.execute("INSERT INTO sales_south (region, id) VALUES ('south', 3)")
    try await scene.execute("UPDATE sales SET amount = 7 WHERE id < 3")
    try await scene.execute("UPDATE sales_north SET amount = 8")
    try await scene.execute("UPDATE sales SET region = 'south' WHERE id = 1")
    try await scene.execute("DELETE FROM sales_south WHERE id = 2; DELETE FROM sales WHERE id = 3")
    let changes = try await scene.drain().changes
    #expect(
      changes.map(\.brief) == [
        #"insert ["north",1]"#, #"insert ["south",2]"#, #"insert ["south",3]"#, #"update ["north",1]"#,
        #"update ["south",2]"#, #"update ["north",1]"#, #"delete ["north",1]"#, #"insert ["south",1]"#,
        #"delete ["south",2]"#, #"delete ["south",3]"#,
      ])
    #expect(changes.map(\.stamp) == changes.map(\.stamp).sorted())
    #expect(changes.allSatisfy { $0.endpoint.name == "sales" })
    // The columns of the two partitions are in different orders.
    #expect(String(decoding: changes[4].row, as: UTF8.self) == #"{"id": 2, "amount": 7, "region": "south"}"#)
    #expect(try await scene.text("SELECT count(*) FROM sales") == "1")
  }

  @Test(arguments: modes)
  func `a new partition is captured from its first row on`(_ mode: CaptureMode) async throws {
    let scene = try await PostgresScene(Self.sales, tables: ["sales"], capture: mode)
    let (_, start) = try await scene.drain()
    try await scene.execute(
      """
      CREATE TABLE sales_west PARTITION OF sales FOR VALUES IN ('west') PARTITION BY RANGE (id);
      CREATE TABLE sales_west_1 PARTITION OF sales_west FOR VALUES FROM (1) TO (10);
      INSERT INTO sales_west_1 VALUES ('west', 1, 1);
      INSERT INTO sales VALUES ('west', 2, 2)
      """)
    let (changes, position) = try await scene.drain(after: start)
    #expect(changes.map(\.brief) == [#"insert ["west",1]"#, #"insert ["west",2]"#])
    // Attaching again completes it, without a gap.
    try await scene.database.attach(["sales"])
    #expect(try await scene.database.attachPlan(["sales"]) == [])
    try await scene.execute("INSERT INTO sales_west_1 VALUES ('west', 3, 3)")
    #expect(try await scene.drain(after: position).changes.map(\.brief) == [#"insert ["west",3]"#])
  }

  @Test func `emptying a partitioned table or one of its partitions is told once`() async throws {
    let scene = try await PostgresScene(Self.sales, tables: ["sales"])
    try await scene.execute("TRUNCATE sales")
    try await scene.execute("TRUNCATE sales_south")
    try await scene.execute("SET session_replication_role = replica; TRUNCATE sales_north")
    try await scene.execute("INSERT INTO sales VALUES ('north', 1)")
    #expect(
      try await scene.drain().changes.map(\.brief) == [
        "truncate []", "truncate []", "truncate []", #"insert ["north",1]"#,
      ])
  }

  @Test(arguments: ["DISABLE TRIGGER ALL", "DISABLE TRIGGER ALL; ALTER TABLE sales_north ENABLE TRIGGER ALL"])
  func `a partition whose triggers were touched is a gap`(_ trouble: String) async throws {
    let scene = try await PostgresScene(Self.sales, tables: ["sales"])
    let (_, position) = try await scene.drain()
    try await scene.execute("ALTER TABLE sales_north \(trouble)")
    let reader = try await scene.reader()
    let gap = await #expect(throws: CaptureGap.self) { try await reader.next(after: position) }
    #expect(gap?.resume == nil && gap?.reason.contains("partition") == true)
    try await scene.database.attach(["sales"])
    let healed = await #expect(throws: CaptureGap.self) { try await scene.reader().next(after: position) }
    let resume = try #require(healed?.resume)
    try await scene.execute("INSERT INTO sales_north VALUES ('north', 5)")
    #expect(try await scene.reader().drain(after: resume).changes.map(\.brief) == [#"insert ["north",5]"#])
  }

  @Test func `records of a partitioned table are written, read and detached like others`() async throws {
    let scene = try await PostgresScene(Self.sales, tables: ["sales"])
    let table = try await scene.database.table("sales")
    let key = RecordKey(["north", 4])
    let write = Write(.create, key: key, fields: ["amount": 4], expected: nil, idempotencyKey: "1")
    guard case .applied = await table.apply([write])[0] else { throw Unexpected() }
    #expect(try await table.records([key])[key]?.fields["amount"] == 4)
    #expect(try await table.chunk(from: nil, limit: 5).records.count == 1)
    let changes = try await scene.drain().changes
    #expect(changes.map(\.brief) == [#"insert ["north",4]"#] && changes[0].origin == .tidemark)
    try await scene.database.detach()
    #expect(try await scene.text("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'tidemark%'") == "0")
  }

  private struct Unexpected: Error {}

  @Test(arguments: modes)
  func `a child is captured also where a statement names its parent`(_ mode: CaptureMode) async throws {
    let scene = try await PostgresScene(
      """
      CREATE TABLE being (id int PRIMARY KEY, name text);
      CREATE TABLE cat (lives int, PRIMARY KEY (id)) INHERITS (being)
      """, tables: ["cat"], capture: mode)
    try await scene.execute("INSERT INTO cat VALUES (1, 'Tom', 9); INSERT INTO being VALUES (2, 'Ann')")
    try await scene.execute("UPDATE being SET name = 'Tim'")
    try await scene.execute("UPDATE being SET id = 3 WHERE id = 1; DELETE FROM being")
    #expect(
      try await scene.drain().changes.map(\.brief) == ["insert 1", "update 1", "delete 1", "insert 3", "delete 3"])
  }

  @Test func `what cannot be captured is refused with advice`() async throws {
    let scene = try await PostgresScene(
      Self.sales + """
        CREATE TABLE being (id int PRIMARY KEY); CREATE TABLE cat (PRIMARY KEY (id)) INHERITS (being);
        CREATE TABLE late (id int PRIMARY KEY DEFERRABLE) PARTITION BY RANGE (id);
        CREATE TABLE keyless (x int) PARTITION BY RANGE (x);
        CREATE VIEW seen AS SELECT 1 AS id
        """, tables: [], attached: false)
    let findings = try await scene.database.check(["sales_north", "being", "keyless", "seen"])
    #expect(findings.map(\.subject) == ["sales_north", "being", "keyless", "seen"])
    for (finding, advice) in zip(findings, ["partitioned table", "one by one", "ADD PRIMARY KEY", "link the tables"]) {
      #expect(finding.message.contains(advice), "\(finding)")
    }
    let failure = await #expect(throws: Failure.self) { try await scene.database.attach(["late"]) }
    #expect(failure?.message.contains("NOT DEFERRABLE") == true)
  }

  @Test func `a captured table that becomes part of a tree is a gap`() async throws {
    let scene = try await PostgresScene(
      "CREATE TABLE being (id int PRIMARY KEY); CREATE TABLE cat (id int PRIMARY KEY)", tables: ["being", "cat"])
    let (_, position) = try await scene.drain()
    try await scene.execute("ALTER TABLE cat INHERIT being")
    let gap = await #expect(throws: CaptureGap.self) { try await scene.reader().next(after: position) }
    #expect(gap?.reason.contains("inherits") == true)
    try await scene.database.attach(["cat"])
    try await scene.execute("INSERT INTO cat VALUES (1); DELETE FROM being")
    #expect(
      try await PostgresDatabase(name: "shop", url: scene.url, tables: ["cat"]).drain().changes.map(\.brief)
        == ["insert 1", "delete 1"])
  }
}
