import Changes
import JSON
import Postgres
import PostgresDatabase
import Support
import Testing

/// What a role needs that may only read, and what `check` tells it.
struct PollRightsTests {
  private static let schema = """
    CREATE SCHEMA sales;
    CREATE TABLE sales.people (id int PRIMARY KEY, name text, secret text, changed timestamptz DEFAULT now());
    INSERT INTO sales.people VALUES (1, 'Ann', 'hush')
    """

  /// A role that may do nothing yet.
  private static func reader(of scene: PostgresScene) async throws -> (role: String, url: String) {
    let role = "reader_\(scene.name)"
    try await scene.execute("CREATE ROLE \(role) LOGIN")
    return (role, try ScratchPostgres.cluster().url(scene.name, user: role))
  }

  private static func settings(_ writes: TableUse.Writes = .nothing) -> PollSettings {
    var settings = PollSettings(cursor: "changed")
    settings.use = TableUse(reads: ["name"], writes: writes)
    return settings
  }

  private static func database(
    _ url: String, capture: CaptureMode = .poll, _ settings: PollSettings
  ) async throws -> PostgresDatabase {
    try await PostgresDatabase(
      name: "shop", url: url, tables: ["sales.people"], capture: capture, polling: ["sales.people": settings])
  }

  @Test func `The rights that are missing are told as SQL, and with them it works`() async throws {
    let scene = try await PostgresScene(Self.schema, tables: [], attached: false)
    let (role, url) = try await Self.reader(of: scene)
    let database = try await Self.database(url, Self.settings(.columns(["name"])))
    let findings = try await database.check(["sales.people"])
    let grants = findings.filter { $0.severity == .error }.compactMap(\.remedy)
    #expect(
      grants == [
        #"GRANT USAGE ON SCHEMA "sales" TO \#(role)"#,
        #"GRANT SELECT ("changed", "id", "name") ON "sales"."people" TO \#(role)"#,
        #"GRANT UPDATE ("name") ON "sales"."people" TO \#(role)"#,
      ])
    for grant in grants { try await scene.execute(grant) }
    let left = try await database.check(["sales.people"])
    #expect(
      left.map(\.remedy) == [#"CREATE INDEX CONCURRENTLY ON "sales"."people" ("changed", "id")"#]
        && left.first?.severity == .warning)

    let table = database.polledTable("sales.people")
    let page = try await table.changed(after: nil, limit: 10)
    let row = try JSONObject(parsing: try #require(page.rows.first).row)
    #expect(row.names.sorted() == ["changed", "id", "name"])
    #expect(try await table.highest()?.key == RecordKey(1))
    let target = try await database.table("sales.people")
    let records = try await target.records([RecordKey(1)])
    #expect(records[RecordKey(1)]?.fields == row)
    let update = Write(.update, key: RecordKey(1), fields: ["name": "Bea"], expected: nil, idempotencyKey: "k")
    guard case .applied? = await target.apply([update]).first else {
      Issue.record("the granted column was not written")
      return
    }
    #expect(try await scene.text("SELECT name || secret FROM sales.people") == "Beahush")
  }

  @Test func `Its writers are seen by a role that may see little`() async throws {
    let scene = try await PostgresScene(Self.schema, tables: [], attached: false)
    let (_, url) = try await Self.reader(of: scene)
    let table = try await Self.database(url, Self.settings()).polledTable("sales.people")
    #expect(try await table.writers().isEmpty)
    let slow = try await SlowTransaction(scene.url, "UPDATE sales.people SET name = 'x'")
    #expect(try await table.writers().count == 1)
    try await slow.commit()
    #expect(try await table.writers().isEmpty)
  }

  @Test func `Hidden rows are an error, not an empty table`() async throws {
    let scene = try await PostgresScene(
      Self.schema + "; ALTER TABLE sales.people ENABLE ROW LEVEL SECURITY", tables: [], attached: false)
    let (role, url) = try await Self.reader(of: scene)
    try await scene.execute(
      "GRANT USAGE ON SCHEMA sales TO \(role); GRANT SELECT ON sales.people TO \(role)")
    let database = try await Self.database(url, Self.settings())
    #expect(try await database.check(["sales.people"]).contains { $0.message.contains("row level security") })
    await #expect(throws: EndUnavailable.self) {
      try await database.polledTable("sales.people").rows(after: nil, limit: 10)
    }
  }

  @Test func `auto polls where nothing may be installed, and check says what would`() async throws {
    let scene = try await PostgresScene(Self.schema, tables: [], attached: false)
    let (role, url) = try await Self.reader(of: scene)
    let open = { try await PostgresDatabase(name: "shop", url: url, tables: ["sales.people"]) }
    #expect(try await open().polling.isEmpty, "it cannot be read either")
    try await scene.execute("GRANT USAGE ON SCHEMA sales TO \(role); GRANT SELECT ON sales.people TO \(role)")
    let database = try await open()
    #expect(database.polling["sales.people"] == PollSettings())
    #expect(try await database.attachPlan(["sales.people"]).isEmpty)
    let findings = try await database.check(["sales.people"])
    #expect(findings.allSatisfy { $0.severity == .warning })
    #expect(
      findings.compactMap(\.remedy) == [
        "GRANT CREATE ON DATABASE \(scene.name) TO \(role)", "GRANT postgres TO \(role)",
      ])
    let owner = try await PostgresDatabase(name: "shop", url: scene.url, tables: ["sales.people"])
    #expect(owner.polling.isEmpty)
  }

  @Test func `A column that cannot be ordered is no cursor`() async throws {
    let scene = try await PostgresScene(
      "CREATE TABLE items (id int PRIMARY KEY, j json)", tables: [], attached: false)
    let database = try await PostgresDatabase(
      name: "shop", url: scene.url, tables: ["items"], capture: .poll, polling: ["items": PollSettings(cursor: "j")])
    #expect(try await database.check(["items"]).contains { $0.severity == .error && $0.message.contains("cursor") })
    let mistyped = try await PostgresDatabase(
      name: "shop", url: scene.url, tables: ["items"], capture: .poll, polling: ["items": PollSettings(cursor: "i")])
    #expect(try await mistyped.check(["items"]).map(\.message).first?.contains("no column i") == true)
  }
}
