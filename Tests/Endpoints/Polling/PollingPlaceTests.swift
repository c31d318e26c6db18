import Changes
import Foundation
import JSON
import Postgres
import PostgresDatabase
import SQLiteDatabase
import Support
import Testing

@testable import Polling

/// Polling beside the other ways of capture, and in another life of the database.
struct PollingPlaceTests {
  @Test(arguments: PolledKind.allCases)
  func `After another life of the database all rows are compared`(kind: PolledKind) async throws {
    let scene = try await PollScene(
      kind, "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, version INTEGER)",
      PollScene.hurried(cursor: "version"))
    try await scene.execute("INSERT INTO items VALUES (1, 'a', 1), (2, 'b', 2)")
    try await scene.sweep()
    await scene.leaveLife()
    try await scene.execute("DELETE FROM items WHERE id = 1", "UPDATE items SET name = 'older'")
    let gap = await #expect(throws: CaptureGap.self) { try await scene.turn() }
    try await scene.cross(try #require(gap))
    for _ in 0..<6 { try await scene.turn() }
    #expect(await scene.news(since: 2).sorted() == ["delete 1", "update 2"])
  }

  @Test func `A replaced SQLite file is another life`() async throws {
    let folder = ScratchFolder()
    let scratch = try ScratchDatabase("CREATE TABLE items (id INTEGER PRIMARY KEY); INSERT INTO items VALUES (1);")
    let other = folder.file("other.db")
    try FileManager.default.copyItem(atPath: scratch.path, toPath: other)
    let database = try await SQLiteDatabase(
      name: "shop", path: scratch.path, tables: ["items"], polling: ["items": PollSettings()])
    let table = database.polledTable("items")
    let epoch = try await table.epoch()
    #expect(try await table.epoch() == epoch)
    try FileManager.default.removeItem(atPath: scratch.path)
    try FileManager.default.moveItem(atPath: other, toPath: scratch.path)
    #expect(try await table.epoch() != epoch)
    #expect(try await table.rows(after: nil, limit: 5).rows.count == 1)
  }

  @Test func `PostgreSQL rows are the bytes that triggers give`() async throws {
    let schema = """
      CREATE TABLE items (id int PRIMARY KEY, n numeric, f double precision, b bytea, t timestamptz, d date, i interval,
        j jsonb, a int[], "odd ""name" text, size int GENERATED ALWAYS AS (id * 2) STORED)
      """
    let insert = """
      INSERT INTO items VALUES (1, 'NaN', 'Infinity', '\\xDEADBEEF', '2024-02-29 12:00:00.123456+02', '0044-03-15 BC',
        '1 mon 2 days 03:04:05', '{"b": 1.10, "a": [null]}', '[0:1]={7,8}', E'tab\\tquote"'),
        (2, 12345678901234567890.10, 0.1, NULL, 'infinity', NULL, NULL, NULL, '{}', 'ü')
      """
    let scene = try await PostgresScene(schema, tables: ["items"])
    try await scene.execute(insert)
    let captured = try await scene.drain().changes
    let database = try await PostgresDatabase(name: "shop", url: scene.url, tables: ["items"], capture: .poll)
    let page = try await database.polledTable("items").rows(after: nil, limit: 10)
    #expect(page.rows.map(\.row) == captured.map(\.row) && page.rows.map(\.key) == captured.map(\.key))
    #expect(page.isLast && page.rows.count == 2)
  }

  @Test func `SQLite rows are the bytes that triggers give`() async throws {
    let scratch = try ScratchDatabase("CREATE TABLE items (id INTEGER PRIMARY KEY, v, t TEXT, n NUMERIC);")
    let triggered = try await scratch.attached(["items"])
    try scratch.shell(
      """
      INSERT INTO items VALUES (1, x'00ff', 'a"b', 9007199254740993), (2, 9e999, CAST(x'ff41' AS TEXT), 0.1),
        (3, NULL, '', -1e300);
      """)
    let captured = try await triggered.drain().changes
    let polled = try await SQLiteDatabase(
      name: "shop", path: scratch.path, tables: ["items"], polling: ["items": PollSettings()])
    let page = try await polled.polledTable("items").rows(after: nil, limit: 10)
    #expect(page.rows.map(\.row) == captured.map(\.row) && page.rows.map(\.key) == captured.map(\.key))
  }

  @Test func `Attaching takes triggers off a table that became polled, and installs nothing for it`() async throws {
    let scene = try await PostgresScene(
      "CREATE TABLE items (id int PRIMARY KEY); CREATE TABLE others (id int PRIMARY KEY)", tables: ["items", "others"])
    let one = try await PostgresDatabase(
      name: "shop", url: scene.url, tables: scene.tables, capture: .trigger, polling: ["items": PollSettings()])
    try await one.attach(scene.tables)
    let triggers = "SELECT count(DISTINCT tgrelid) FROM pg_trigger WHERE tgname LIKE 'tidemark%'"
    #expect(try await scene.text(triggers) == "1")
    #expect(try await one.attachPlan(scene.tables).isEmpty)
    let all = try await PostgresDatabase(name: "shop", url: scene.url, tables: scene.tables, capture: .poll)
    try await all.attach(scene.tables)
    #expect(try await scene.text("SELECT to_regnamespace('tidemark') IS NULL") == "t")
    #expect(try await all.attachPlan(scene.tables).isEmpty)

    let scratch = try ScratchDatabase("CREATE TABLE items (id INTEGER PRIMARY KEY);")
    let before = try scratch.schema()
    let polled = try await SQLiteDatabase(
      name: "shop", path: scratch.path, tables: ["items"], polling: ["items": PollSettings()])
    try await polled.attach(["items"])
    #expect(try scratch.schema() == before)
    _ = try await scratch.attached(["items"])
    try await polled.attach(["items"])
    #expect(try !scratch.schema().contains("trigger"))
    #expect(try await polled.attachPlan(["items"]).isEmpty)
  }

  @Test func `A page of long rows ends early and misses none`() async throws {
    let scene = try await PollScene(
      .postgres, "CREATE TABLE items (id int PRIMARY KEY, name text)", PollScene.hurried(cursor: nil))
    try await scene.execute("INSERT INTO items SELECT i, repeat('x', 500000) FROM generate_series(1, 20) i")
    let database = try await PostgresDatabase(name: "shop", url: scene.url, tables: ["items"], capture: .poll)
    let page = try await database.polledTable("items").rows(after: nil, limit: 1000)
    #expect(page.rows.count == 9 && !page.isLast)
    try await scene.sweep()
    #expect(await scene.told.count == 20)
  }
}
