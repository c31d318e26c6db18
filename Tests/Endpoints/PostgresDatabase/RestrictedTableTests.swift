import Changes
import JSON
import Postgres
import PostgresDatabase
import Support
import Testing

/// A restricted table is to everybody else the table so restricted, whichever way it is captured and read.
struct RestrictedTableTests {
  private static let orders = "CREATE TABLE orders (id int PRIMARY KEY, status text, note text, phone text)"

  private static func scene(
    _ capture: CaptureMode, _ restriction: RowRestriction, _ schema: String = orders
  ) async throws -> PostgresScene {
    try await PostgresScene(schema, tables: ["orders"], capture: capture, restrictions: ["orders": restriction])
  }

  @Test(arguments: [CaptureMode.trigger, .wal])
  func `a row that leaves the condition is deleted, and one that enters it is told`(_ capture: CaptureMode) async throws
  {
    let scene = try await Self.scene(capture, RowRestriction(.except(["status"]), condition: "status <> 'draft'"))
    try await scene.execute(
      "INSERT INTO orders VALUES (1, 'draft', 'never', ''), (2, 'open', 'b', ''), (3, NULL, 'never', '')")
    try await scene.execute("UPDATE orders SET status = 'open', note = 'a' WHERE id = 1")
    try await scene.execute("UPDATE orders SET status = 'draft', note = 'never' WHERE id = 2")
    try await scene.execute("UPDATE orders SET id = 4 WHERE id = 1")
    try await scene.execute("DELETE FROM orders WHERE id IN (3, 4)")
    let changes = try await scene.drain().changes
    #expect(
      changes.map { "\($0.brief) \(String(decoding: $0.row, as: UTF8.self))" } == [
        #"insert 2 {"id": 2, "note": "b", "phone": ""}"#, #"update 1 {"id": 1, "note": "a", "phone": ""}"#, "delete 2 ",
        "delete 1 ", #"insert 4 {"id": 4, "note": "a", "phone": ""}"#, "delete 3 ", "delete 4 ",
      ])
  }

  @Test func `reads by key, by content and in chunks, and what a write shows, are restricted alike`() async throws {
    let restriction = RowRestriction(
      .only(["note", "phone"]), masks: ["phone": .fixed], condition: "status <> 'draft' -- the rest")
    let scene = try await Self.scene(.trigger, restriction)
    try await scene.execute(
      "INSERT INTO orders VALUES (1, 'draft', 'x', '1'), (2, 'open', 'x', '2'), (3, 'open', 'y', '3')")
    let table = try await scene.database.table("orders")
    let second: JSONObject = ["id": 2, "note": "x", "phone": "***"]
    #expect(try await table.records([RecordKey(1), RecordKey(2)]).mapValues(\.fields) == [RecordKey(2): second])
    #expect(try await table.find(["note": "x"]).map(\.fields) == [second])
    #expect(try await table.chunk(from: nil, limit: 1).records.map(\.fields) == [second])
    let write = Write(
      .update, key: RecordKey(2), fields: ["note": "z"], expected: .init(version: nil, fields: ["note": "x"]),
      idempotencyKey: "1")
    guard case .applied(let applied)? = await table.apply([write]).first else {
      Issue.record("the write was not applied")
      return
    }
    #expect(applied.after == ["id": 2, "note": "z", "phone": "***"])
    guard case .mismatch(let record?)? = await table.apply([write]).first else {
      Issue.record("the second write was no mismatch")
      return
    }
    #expect(record.fields == ["id": 2, "note": "z", "phone": "***"])
  }

  @Test(arguments: [CaptureMode.trigger, .wal])
  func `a masked column that is renamed stops capture instead of being told`(_ capture: CaptureMode) async throws {
    let restriction = RowRestriction(.all, masks: ["phone": .fixed])
    let scene = try await Self.scene(capture, restriction)
    try await scene.execute("INSERT INTO orders VALUES (1, 'open', 'a', 'secret')")
    let (before, position) = try await scene.reader().drain()
    #expect(before.map { $0.object?["phone"] } == ["***"])
    try await scene.execute("ALTER TABLE orders RENAME phone TO mobile; UPDATE orders SET note = 'b'")
    let again = try await scene.reader()
    let error = await #expect(throws: EndUnavailable.self) { try await again.drain(after: position) }
    #expect(error?.failure.code == "link.column")
    #expect(error?.failure.message.contains("phone") == true)
    // A row of the time between is not told under the other name either.
    try await scene.execute("ALTER TABLE orders RENAME mobile TO phone")
    let after = try await again.drain(after: position).changes
    #expect(after.map { String(decoding: $0.row, as: UTF8.self) }.allSatisfy { !$0.contains("secret") })
    #expect(after.map(\.brief) == ["update 1"])
  }

  @Test(arguments: [CaptureMode.trigger, .wal])
  func `rows from before a change of the table are judged by what the table holds now`(_ capture: CaptureMode)
    async throws
  {
    let scene = try await Self.scene(
      capture, RowRestriction(.all, condition: "grade > 2"),
      Self.orders + "; ALTER TABLE orders ADD grade int DEFAULT 3")
    try await scene.execute("INSERT INTO orders VALUES (1, '', '', '', 3), (2, '', '', '', 1)")
    let (first, position) = try await scene.reader().drain()
    #expect(first.map(\.brief) == ["insert 1"])
    try await scene.execute("ALTER TABLE orders ALTER grade TYPE text USING 'none'")
    try await scene.execute("UPDATE orders SET note = 'x'")
    try await scene.execute("ALTER TABLE orders ALTER grade TYPE int USING id + 1")
    let next = try await scene.reader().drain(after: position).changes
    #expect(next.map(\.brief) == ["delete 1", "update 2"])
    #expect(next.last?.object?["grade"] == 3)
  }

  @Test func `a large masked value that an update leaves alone is masked once, also after a restart`() async throws {
    let key = MaskKey("0123456789abcdef")
    let scene = try await Self.scene(
      .wal, RowRestriction(.except(["note"]), masks: ["phone": .hash(key)]),
      Self.orders
        + "; ALTER TABLE orders ALTER phone SET STORAGE EXTERNAL; ALTER TABLE orders ALTER note SET STORAGE EXTERNAL")
    try await scene.execute("INSERT INTO orders VALUES (1, 'a', repeat('n', 3000), repeat('p', 3000))")
    let (first, position) = try await scene.reader().drain()
    let told = try #require(first.first)
    try await scene.execute("UPDATE orders SET status = 'b'")
    let reader = try await PostgresDatabase(
      name: "shop", url: scene.url, tables: ["orders"], capture: .wal, restrictions: scene.restrictions,
      images: ToldRow(row: told.row))
    let next = try await reader.drain(after: position).changes
    #expect(next.map(\.brief) == ["update 1"])
    #expect(next.first?.object?["phone"] == told.object?["phone"])
    #expect(told.object?["phone"]?.stringValue?.count == 64)
    #expect(next.first?.object?.names == ["id", "phone", "status"])
  }

  @Test(
    arguments: [
      ("status <> 'draft'", nil), ("lower(status) LIKE 'o%' AND id > 2 -- comment", nil),
      ("statu = 'x'", "\"statu\" does not exist"),
      ("id", "must be type boolean"), ("id > (SELECT 1)", "nothing but the row"),
      ("random() > 0.5", "nothing but the row"),
      ("now() > '2020-01-01'", "nothing but the row"), ("count(*) > 1", "nothing but the row"),
      ("true) OR (true", "syntax error"),
      ("true); DROP TABLE orders; --", "syntax error"), ("labels IS NOT NULL", "hstore"),
    ] as [(String, String?)])
  func `a condition is judged by the server before it is used`(condition: String, fault: String?) async throws {
    let scene = try await PostgresScene(
      "CREATE EXTENSION hstore; " + Self.orders + "; ALTER TABLE orders ADD labels hstore", tables: ["orders"],
      attached: false, restrictions: ["orders": RowRestriction(.all, condition: condition)])
    let found = try await scene.database.conditionFault(of: "orders")
    if let fault { #expect(found?.contains(fault) == true, "\(found ?? "none")") } else { #expect(found == nil) }
    #expect(try await scene.text("SELECT count(*) FROM pg_class WHERE relname LIKE 'tidemark%'") == "0")
    #expect(try await scene.text("SELECT count(*) FROM orders") == "0")
  }
}

private struct ToldRow: RowImages {
  let row: [UInt8]

  func latestRows(
    of endpoint: EndpointName, told source: SourceName, _ keys: Set<RecordKey>
  ) -> [RecordKey: [UInt8]] { Dictionary(keys.map { ($0, row) }) { $1 } }
}
