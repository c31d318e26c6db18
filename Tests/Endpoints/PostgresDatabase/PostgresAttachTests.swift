import Changes
import Postgres
import PostgresDatabase
import Support
import Testing

struct PostgresAttachTests {
  private static let two = "CREATE TABLE a (id int PRIMARY KEY, x text); CREATE TABLE b (id int PRIMARY KEY)"

  @Test func detachLeavesTheSchemaAsItWas() async throws {
    let scene = try await PostgresScene(
      Self.two + "; CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        + "CREATE TRIGGER own AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION f()", tables: ["a", "b"], attached: false)
    let cluster = try ScratchPostgres.cluster()
    func dump() throws -> String {
      // Newer versions print a random key to restrict psql's meta-commands.
      try cluster.run("pg_dump", ["-s", "-d", scene.url]).split(separator: "\n", omittingEmptySubsequences: false)
        .filter { !$0.hasPrefix("\\restrict") && !$0.hasPrefix("\\unrestrict") }.joined(separator: "\n")
    }
    let before = try dump()
    try await scene.database.attach(["a", "b"])
    #expect(try dump() != before)
    #expect(try await !scene.database.detachPlan().isEmpty)
    try await scene.database.detach()
    #expect(try dump() == before)
    try await scene.database.detach()
    #expect(try await scene.database.detachPlan().isEmpty)
  }

  @Test func thePlanIsWhatAttachRunsAndEmptyAfterwards() async throws {
    let scene = try await PostgresScene(Self.two, tables: ["a"], attached: false)
    let plan = try await scene.database.attachPlan(["a"])
    #expect(plan.contains { $0.hasPrefix("CREATE TRIGGER tidemark_insert") })
    try await scene.application.transaction { session in for sql in plan { try session.execute(sql) } }
    #expect(try await scene.database.attachPlan(["a"]) == [])
    try await scene.database.attach(["a"])
    try await scene.execute("INSERT INTO a VALUES (1)")
    #expect(try await scene.drain().changes.count == 1)
  }

  @Test func tablesNoLongerListedLoseTheirTriggers() async throws {
    let scene = try await PostgresScene(Self.two, tables: ["a", "b"])
    try await scene.database.attach(["b"])
    let triggers = "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'tidemark%' AND tgrelid = 'a'::regclass"
    #expect(try await scene.text(triggers) == "0")
    #expect(try await scene.database.attachPlan(["b"]) == [])
  }

  @Test(arguments: [
    "ALTER TABLE a DISABLE TRIGGER ALL", "ALTER TABLE a DISABLE TRIGGER ALL; ALTER TABLE a ENABLE TRIGGER ALL",
    "DROP TRIGGER tidemark_update ON a", "DROP TABLE a", "DROP TABLE a; CREATE TABLE a (id int PRIMARY KEY, x text)",
    "ALTER TABLE a DROP CONSTRAINT a_pkey; ALTER TABLE a ADD PRIMARY KEY (id, x)",
  ])
  func anInterruptionIsAGapAlsoAfterAttachingAgain(interruption: String) async throws {
    let scene = try await PostgresScene(Self.two, tables: ["a"])
    try await scene.execute("INSERT INTO a VALUES (1, 'x')")
    let (_, position) = try await scene.drain()
    try await scene.execute(interruption)
    let database = try await PostgresDatabase(name: "shop", url: scene.url, tables: ["a"])
    let gap = await #expect(throws: CaptureGap.self) { try await database.next(after: position) }
    #expect(gap?.resume == nil)
    guard try await scene.text("SELECT to_regclass('a') IS NOT NULL") == "t" else { return }
    try await database.attach(["a"])
    let again = await #expect(throws: CaptureGap.self) { try await database.next(after: position) }
    let resume = try #require(again?.resume)
    try await scene.execute("INSERT INTO a VALUES (2, 'y')")
    #expect(try await scene.drain(after: resume).changes.map(\.brief).last?.contains("2") == true)
  }

  @Test func aPositionFromBeforeADetachIsOfAnotherEpoch() async throws {
    let scene = try await PostgresScene(Self.two, tables: ["a"])
    let (_, position) = try await scene.drain()
    try await scene.database.detach()
    let none = await #expect(throws: CaptureGap.self) { try await scene.database.next(after: position) }
    #expect(none?.resume == nil)
    try await scene.database.attach(["a"])
    let gap = await #expect(throws: CaptureGap.self) { try await scene.database.next(after: position) }
    #expect(gap?.resume?.epoch != position.epoch)
  }

  @Test(arguments: [CaptureMode.trigger, .wal])
  func `what came along in a dump is not taken for this database's own`(_ capture: CaptureMode) async throws {
    let scene = try await PostgresScene(Self.two, tables: ["a"], capture: capture)
    // It lies in the outbox of the dump.
    try await scene.execute("INSERT INTO a VALUES (1, 'x')")
    let folder = ScratchFolder()
    let cluster = try ScratchPostgres.cluster()
    _ = try cluster.run("pg_dump", ["-Fc", "-f", folder.file("dump"), scene.url])
    let url = try await ScratchPostgres.database()
    _ = try cluster.run("pg_restore", ["-d", url, folder.file("dump")])

    let copy = try await PostgresDatabase(name: "shop", url: url, tables: ["a"], capture: capture)
    let gap = await #expect(throws: CaptureGap.self) { try await copy.next(after: nil) }
    #expect(gap?.resume == nil && gap?.reason.contains("restored dump") == true)
    #expect(try await copy.attachPlan(["a"]).first == "DROP SCHEMA tidemark CASCADE")
    try await copy.attach(["a"])
    #expect(try await copy.attachPlan(["a"]) == [])
    let (nothing, position) = try await copy.drain()
    #expect(nothing.isEmpty)
    try await PostgresConnection(url: url).run { try $0.execute("INSERT INTO a VALUES (2, 'y')") }
    #expect(try await copy.drain(after: position).changes.map(\.brief) == ["insert 2"])
    // The one it was made from is what it was.
    #expect(try await scene.drain().changes.map(\.brief) == ["insert 1"])
  }

  @Test func checkSaysWhatIsMissingAndHowToGetIt() async throws {
    let scene = try await PostgresScene(
      Self.two + "; CREATE TABLE keyless (x int); CREATE VIEW v AS SELECT 1", tables: ["a"], attached: false)
    #expect(try await scene.database.check(["a", "public.b"]) == [])
    let findings = try await scene.database.check(["keyles", "keyless", "v"])
    #expect(findings.map(\.subject) == ["keyles", "keyless", "v"])
    #expect(findings[0].message.contains("did you mean keyless?"))
    #expect(findings[1].message.contains("ADD PRIMARY KEY"))
  }

  @Test func checkPrintsTheGrantsARoleLacks() async throws {
    let scene = try await PostgresScene(Self.two, tables: ["a"], attached: false)
    let base = try await scene.text("SELECT current_database()")
    try await scene.execute("CREATE ROLE reader_\(base) LOGIN; GRANT SELECT ON a TO reader_\(base)")
    let url = try ScratchPostgres.cluster().url(base, user: "reader_\(base)")
    let database = try await PostgresDatabase(name: "shop", url: url, tables: ["a"], capture: .wal)
    let remedies = try await database.check(["a"]).compactMap(\.remedy)
    #expect(
      remedies == [
        "GRANT CREATE ON DATABASE \(base) TO reader_\(base)",
        "GRANT INSERT, UPDATE, DELETE ON \"public\".\"a\" TO reader_\(base)", "GRANT postgres TO reader_\(base)",
        "ALTER ROLE reader_\(base) REPLICATION",
      ])
  }
}
