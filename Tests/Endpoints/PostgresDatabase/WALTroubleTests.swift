import Changes
import JSON
import Postgres
import PostgresDatabase
import Support
import Testing

/// What can happen to a slot, a publication and the tables, and how it is noticed.
struct WALTroubleTests {
  private static let items = "CREATE TABLE items (id int PRIMARY KEY, name text)"
  private static let slot = "(SELECT slot_name FROM pg_replication_slots WHERE database = current_database())"

  @Test(arguments: [
    "SELECT pg_drop_replication_slot(\(slot))", "DROP PUBLICATION tidemark",
    "ALTER PUBLICATION tidemark DROP TABLE items",
    "ALTER PUBLICATION tidemark DROP TABLE items; ALTER PUBLICATION tidemark ADD TABLE items",
  ])
  func `Invariant 2: an interrupted capture is said, attached again and continued behind its gap`(
    _ trouble: String
  ) async throws {
    let scene = try await PostgresScene(Self.items, tables: ["items"], capture: .wal)
    try await scene.execute("INSERT INTO items VALUES (1, 'seen')")
    let (_, position) = try await scene.reader().drain()
    try await eventually("the reader is gone") {
      try await scene.text(
        "SELECT NOT active FROM pg_replication_slots WHERE database = current_database()") == "t"
    }
    for statement in trouble.split(separator: ";") { try await scene.execute(String(statement)) }
    try await scene.execute("INSERT INTO items VALUES (2, 'perhaps unseen')")
    let interrupted = try await scene.reader()
    let gap = await #expect(throws: CaptureGap.self) { try await interrupted.drain(after: position) }
    #expect(gap?.resume == nil)
    #expect(try await !scene.database.attachPlan(["items"]).isEmpty)
    try await scene.database.attach(["items"])
    #expect(try await scene.database.attachPlan(["items"]).isEmpty)
    let mended = try await scene.reader()
    let healed = await #expect(throws: CaptureGap.self) { try await mended.drain(after: position) }
    let resume = try #require(healed?.resume)
    try await scene.execute("INSERT INTO items VALUES (3, 'seen again')")
    #expect(try await mended.drain(after: resume).changes.map(\.brief).contains("insert 3"))
  }

  @Test func `a table that publishing would break is refused with the cure`() async throws {
    let scene = try await PostgresScene(
      Self.items + "; ALTER TABLE items REPLICA IDENTITY NOTHING", tables: ["items"], capture: .wal, attached: false)
    let findings = try await scene.database.check(["items"])
    #expect(findings.compactMap(\.remedy) == [#"ALTER TABLE "public"."items" REPLICA IDENTITY FULL"#])
    await #expect(throws: Failure.self) { try await scene.database.attach(["items"]) }
    #expect(try await scene.text("SELECT count(*) FROM pg_publication") == "0")
    try await scene.execute("UPDATE items SET name = 'still works'")
  }

  @Test(arguments: [(CaptureMode.trigger, CaptureMode.wal), (.wal, .trigger)])
  func `A database changes its mode under writes without a gap or a repeat`(
    _ from: CaptureMode, _ to: CaptureMode
  ) async throws {
    let scene = try await PostgresScene(Self.items, tables: ["items"], capture: from)
    let writers = (0..<4).map { writer in
      Task {
        let connection = PostgresConnection(url: scene.url)
        for number in 0..<250 {
          let id = writer * 1000 + number
          let end = number % 5 == 4 ? "ROLLBACK" : "COMMIT"
          try await connection.run { try $0.execute("BEGIN; INSERT INTO items VALUES (\(id), 'x'); \(end)") }
        }
      }
    }
    var changes: [Change] = []
    var position: Position?
    var reader: PostgresDatabase? = try await scene.reader()
    func read(_ count: Int) async throws {
      while changes.count < count, let reader {
        let batch = try await reader.next(after: position)
        changes += batch.changes
        try await reader.release(through: batch.through)
        position = batch.through
      }
    }
    try await read(100)
    // The service is stopped, the configuration changed, attached, and started again while the writers go on.
    reader = nil
    let changed = try await PostgresDatabase(name: "shop", url: scene.url, tables: ["items"], capture: to)
    while true {
      do {
        try await changed.attach(["items"])
        break
      } catch let error as PostgresError where error.isSerialization { continue }
    }
    reader = changed
    try await read(4 * 200)
    for writer in writers { try await writer.value }
    let rest = try await changed.drain(after: position)
    changes += rest.changes
    let expected = try await scene.text("SELECT string_agg(id::text, ',' ORDER BY id) FROM items")
    let ids = changes.compactMap { $0.key.values.first?.integerValue }.sorted()
    #expect(ids.map(String.init).joined(separator: ",") == expected)
    let leftovers = try await scene.text(
      "SELECT count(*) FROM pg_replication_slots WHERE database = current_database()")
    #expect(leftovers == (to == .wal ? "1" : "0"))
    if to == .wal { #expect(try await scene.text("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal") == "0") }
  }

  @Test func `an idle database of a busy cluster lets the server forget its WAL`() async throws {
    let scene = try await PostgresScene(Self.items, tables: ["items"], capture: .wal)
    let busy = try await PostgresScene("CREATE TABLE other (id int, pad text)", tables: [], attached: false)
    let (_, start) = try await scene.drain()
    let before = try await scene.text(
      "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = \(Self.slot)")
    try await busy.execute("INSERT INTO other SELECT g, repeat('x', 500) FROM generate_series(1, 100000) g")
    var position = start
    try await eventually("the slot has moved on") {
      let batch = try await scene.database.next(after: position)
      try await scene.database.release(through: batch.through)
      position = batch.through
      return try await scene.text(
        "SELECT confirmed_flush_lsn - '\(before)' > 50000000 FROM pg_replication_slots WHERE slot_name = \(Self.slot)")
        == "t"
    }
  }

  @Test(arguments: [CaptureMode.wal, .trigger])
  func `computed columns, and values that jsonb would refuse, are told as well`(_ capture: CaptureMode) async throws {
    let scene = try await PostgresScene(
      "CREATE TABLE items (id int PRIMARY KEY, n int, twice int GENERATED ALWAYS AS (n * 2) STORED, raw json)",
      tables: ["items"], capture: capture)
    try await scene.execute(#"INSERT INTO items VALUES (1, 4, DEFAULT, '{"b": 1, "a": "\u0000"}')"#)
    try await scene.execute(#"INSERT INTO items VALUES (2, 5, DEFAULT, '{"b": 1, "a": 1.0}')"#)
    let rows = try await scene.drain().changes.map { String(decoding: $0.row, as: UTF8.self) }
    #expect(
      rows == [
        #"{"n": 4, "id": 1, "raw": "{\"b\": 1, \"a\": \"\\u0000\"}", "twice": 8}"#,
        #"{"n": 5, "id": 2, "raw": {"a": 1.0, "b": 1}, "twice": 10}"#,
      ])
  }

  @Test func `columns that come, go and change their type are told as they were`() async throws {
    let scene = try await PostgresScene(Self.items, tables: ["items"], capture: .wal)
    try await scene.execute("INSERT INTO items VALUES (1, 'a')")
    try await scene.execute("ALTER TABLE items ADD COLUMN price numeric DEFAULT 1.50")
    try await scene.execute("INSERT INTO items VALUES (2, 'b', 2.00)")
    try await scene.execute("ALTER TABLE items DROP COLUMN name; ALTER TABLE items RENAME price TO cost")
    try await scene.execute("UPDATE items SET cost = 3 WHERE id = 1")
    let rows = try await scene.drain().changes.map { String(decoding: $0.row, as: UTF8.self) }
    #expect(
      rows == [
        #"{"id": 1, "name": "a"}"#, #"{"id": 2, "name": "b", "price": 2.00}"#, #"{"id": 1, "cost": 3}"#,
      ])
  }
}
