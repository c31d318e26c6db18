import Changes
import JSON
import SQLiteDatabase
import Testing

@Suite("Restricted SQLite tables")
struct RestrictedSQLiteTests {
  private static let orders =
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, status TEXT COLLATE NOCASE, n INTEGER, note TEXT, phone BLOB);"

  private static func attached(_ scratch: ScratchDatabase, _ restriction: RowRestriction) async throws -> SQLiteDatabase
  {
    let database = try await SQLiteDatabase(
      name: "shop", path: scratch.path, tables: ["orders"], restrictions: ["orders": restriction])
    try await database.attach(["orders"])
    return database
  }

  @Test func `a row that leaves the condition is deleted, and one that enters it is told`() async throws {
    let scratch = try ScratchDatabase(Self.orders)
    // As in the table: the collation of a column counts, and a text is taken for a number where the column is one.
    let database = try await Self.attached(
      scratch, RowRestriction(.except(["status"]), masks: ["phone": .fixed], condition: "status <> 'DRAFT' AND n < '5'")
    )
    try scratch.shell(
      """
      INSERT INTO orders VALUES (1, 'draft', 1, 'never', x'00'), (2, 'open', 1, 'b', x'01'), (3, 'open', 5, 'never', NULL);
      UPDATE orders SET n = 4, note = 'c' WHERE id = 3;
      UPDATE orders SET status = 'Draft', note = 'never' WHERE id = 2;
      INSERT OR REPLACE INTO orders VALUES (3, 'draft', 1, 'never', NULL);
      DELETE FROM orders WHERE id = 1;
      """)
    let changes = try await database.drain().changes
    #expect(
      changes.map(\.text) == [
        "delete 1 ", #"insert 2 {"id":2,"n":1,"note":"b","phone":"***"}"#, "delete 3 ",
        #"update 3 {"id":3,"n":4,"note":"c","phone":null}"#, "delete 2 ", "delete 3 ", "delete 1 ",
      ])
  }

  @Test func `reads by key, by content and in chunks, and what a write shows, are restricted alike`() async throws {
    let scratch = try ScratchDatabase(
      Self.orders
        + "INSERT INTO orders VALUES (1, 'draft', 1, 'x', 'a'), (2, 'open', 1, 'x', 'b'), (3, 'open', 9, 'y', 'c');")
    let database = try await Self.attached(
      scratch,
      RowRestriction(.only(["note", "phone"]), masks: ["phone": .fixed], condition: "status <> 'draft' -- the rest"))
    let table = try await database.table("orders")
    let second: JSONObject = ["id": 2, "note": "x", "phone": "***"]
    #expect(try await table.records([RecordKey(1), RecordKey(2)]).mapValues(\.fields) == [RecordKey(2): second])
    #expect(try await table.find(["note": "x"]).map(\.fields) == [second])
    #expect(try await table.chunk(from: nil, limit: 1).records.map(\.fields) == [second])
    let update = write(.update, RecordKey(2), ["note": "z"], expecting: ["note": "x"])
    guard case .applied(let applied)? = await table.apply([update]).first else {
      Issue.record("the write was not applied")
      return
    }
    #expect(applied.after == ["id": 2, "note": "z", "phone": "***"])
  }

  @Test func `a masked column that is renamed stops capture instead of being told`() async throws {
    let scratch = try ScratchDatabase(Self.orders)
    let database = try await Self.attached(scratch, RowRestriction(.all, masks: ["phone": .fixed]))
    let (_, position) = try await database.drain()
    try scratch.shell(
      "ALTER TABLE orders RENAME phone TO mobile; INSERT INTO orders VALUES (1, 'open', 1, 'a', 'secret');")
    await #expect(throws: CaptureGap.self) { try await database.drain(after: position) }
    try await database.attach(["orders"])
    let failure = await #expect(throws: Failure.self) {
      do {
        _ = try await database.drain(after: position)
      } catch let gap as CaptureGap {
        _ = try await database.drain(after: gap.resume)
      }
    }
    #expect(failure?.message.contains("phone") == true)
  }

  @Test(
    arguments: [
      ("status <> 'draft'", nil), ("n > 1 -- comment", nil), ("statu = 'x'", "no such column"),
      ("n IN (SELECT 1)", "subqueries"),
      ("n > random()", "non-deterministic"), ("date(note) < date('now')", "non-deterministic"),
      ("rowid > 1", "no such column"),
      ("1); DROP TABLE asked; --", "syntax error"), ("1) OR (1", "syntax error"),
    ] as [(String, String?)])
  func `a condition is judged before it is used`(condition: String, fault: String?) async throws {
    let scratch = try ScratchDatabase(Self.orders)
    let database = try await SQLiteDatabase(
      name: "shop", path: scratch.path, tables: ["orders"],
      restrictions: ["orders": RowRestriction(.all, condition: condition)])
    let found = try await database.conditionFault(of: "orders")
    if let fault { #expect(found?.contains(fault) == true, "\(found ?? "none")") } else { #expect(found == nil) }
  }
}
