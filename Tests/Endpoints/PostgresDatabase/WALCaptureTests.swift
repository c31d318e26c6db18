import Changes
import Foundation
import JSON
import Postgres
import PostgresDatabase
import Support
import Testing

@Suite("Capture from the WAL")
struct WALCaptureTests {
  private static let items = "CREATE TABLE items (id int PRIMARY KEY, name text)"

  @Test func `every kind of statement is captured in the order of the commits`() async throws {
    let scene = try await PostgresScene(Self.items, tables: ["items"], capture: .wal)
    try await scene.execute("INSERT INTO items VALUES (1, 'a'), (2, 'b')")
    try await scene.execute("UPDATE items SET name = 'c' WHERE id = 1")
    try await scene.execute("BEGIN; INSERT INTO items VALUES (7, 'x'); ROLLBACK")
    try await scene.execute("INSERT INTO items VALUES (2, 'x') ON CONFLICT (id) DO UPDATE SET name = excluded.name")
    try await scene.execute("DELETE FROM items WHERE id = 2")
    try await scene.execute("TRUNCATE items")
    let (changes, _) = try await scene.drain()
    #expect(changes.map(\.brief) == ["insert 1", "insert 2", "update 1", "update 2", "delete 2", "truncate []"])
    #expect(changes.map { String(decoding: $0.row, as: UTF8.self) }[2] == #"{"id": 1, "name": "c"}"#)
    #expect(changes.map { String(decoding: $0.row, as: UTF8.self) }[4] == #"{"id": 2}"#)
    #expect(changes.allSatisfy { $0.endpoint == EndpointName(system: "shop", name: "items") })
    #expect(changes.allSatisfy { $0.origin == .application })
  }

  @Test func `a place is gone on from, also inside a transaction, without a gap or a repeat`() async throws {
    let scene = try await PostgresScene(Self.items, tables: ["items"], capture: .wal)
    try await scene.execute("INSERT INTO items SELECT g, 'row ' || g FROM generate_series(1, 10000) g")
    try await scene.execute("INSERT INTO items SELECT g, 'row ' || g FROM generate_series(10001, 10100) g")
    var position: Position?
    var ids: [Int64] = []
    while ids.count < 10_100 {
      // Each batch is read by a service that has just been started.
      let batch = try await scene.reader().next(after: position)
      #expect(batch.changes.count <= 4000)
      ids += batch.changes.compactMap { $0.key.values.first?.integerValue }
      position = batch.through
    }
    #expect(ids == Array(1...10_100))
  }

  @Test func `what is released is what the server may forget`() async throws {
    let scene = try await PostgresScene(Self.items, tables: ["items"], capture: .wal)
    let before = try await scene.text(
      "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE database = current_database()")
    try await scene.execute("INSERT INTO items VALUES (1, 'a')")
    let (_, through) = try await scene.drain()
    _ = try await scene.database.next(after: through)
    try await eventually("the slot moves on") {
      try await scene.text(
        "SELECT confirmed_flush_lsn > '\(before)' FROM pg_replication_slots WHERE database = current_database()") == "t"
    }
  }

  @Test func `a changed key is a delete and an insert, and a shifted row of keys loses none`() async throws {
    let scene = try await PostgresScene(
      "CREATE TABLE items (id int PRIMARY KEY DEFERRABLE, name text); ALTER TABLE items REPLICA IDENTITY FULL",
      tables: ["items"], capture: .wal)
    try await scene.execute("INSERT INTO items SELECT g, 'x' || g FROM generate_series(1, 3) g")
    let (_, start) = try await scene.drain()
    try await scene.execute("UPDATE items SET id = 9 WHERE id = 1")
    let (moved, after) = try await scene.drain(after: start)
    #expect(moved.map(\.brief) == ["delete 1", "insert 9"])
    try await scene.execute("UPDATE items SET id = id + 1")
    let (shifted, _) = try await scene.drain(after: after)
    var names: [RecordKey: String] = [:]
    for change in shifted {
      names[change.key] = change.operation == .delete ? nil : change.object?["name"]?.stringValue
    }
    #expect(names.map { "\($0.key) \($0.value)" }.sorted() == ["10 x1", "3 x2", "4 x3"])
  }

  @Test func `a large value that an update did not touch is completed, never null`() async throws {
    let scene = try await PostgresScene(
      "CREATE TABLE docs (id int PRIMARY KEY, title text, body text); ALTER TABLE docs ALTER body SET STORAGE EXTERNAL",
      tables: ["docs"], capture: .wal)
    try await scene.execute(
      "INSERT INTO docs SELECT 1, 'one', string_agg(md5(g::text), '') FROM generate_series(1, 200) g")
    let body = try await scene.text("SELECT body FROM docs")
    try await scene.execute("UPDATE docs SET title = 'two'")
    let (changes, through) = try await scene.reader().drain()
    #expect(changes.map { $0.object?["body"]?.stringValue } == [body, body])
    // The row image is not at hand any more: the table has it.
    let fresh = try await scene.reader()
    try await scene.execute("UPDATE docs SET title = 'three'")
    let last = try await fresh.drain(after: through).changes.first?.object
    #expect(last?["body"]?.stringValue == body)
    #expect(last?["title"]?.stringValue == "three")
  }

  @Test func `a record that is gone before its value could be looked up is not to be trusted`() async throws {
    let scene = try await PostgresScene(
      "CREATE TABLE docs (id int PRIMARY KEY, title text, body text); ALTER TABLE docs ALTER body SET STORAGE EXTERNAL",
      tables: ["docs"], capture: .wal)
    try await scene.execute(
      "INSERT INTO docs SELECT 1, 'one', string_agg(md5(g::text), '') FROM generate_series(1, 200) g")
    let (_, through) = try await scene.reader().drain()
    try await scene.execute("UPDATE docs SET title = 'two'")
    try await scene.execute("DELETE FROM docs")
    let fresh = try await scene.reader()
    let changes = try await fresh.drain(after: through).changes
    #expect(changes.map(\.brief) == ["update 1", "delete 1"])
    #expect(changes.first?.stamp == Stamp(0))
    #expect(changes.first?.object?["body"] == nil)
  }

  @Test func `Tidemark's own writes are told apart`() async throws {
    let scene = try await PostgresScene(Self.items, tables: ["items"], capture: .wal)
    let table = try await scene.database.table("items")
    let outcomes = await table.apply([
      Write(.create, key: RecordKey(1), fields: ["name": "ours"], expected: nil, idempotencyKey: "1")
    ])
    try await scene.execute("INSERT INTO items VALUES (2, 'theirs')")
    let (changes, _) = try await scene.drain()
    #expect(changes.map(\.origin) == [.tidemark, .application])
    guard case .applied(let applied)? = outcomes.first else {
      Issue.record("not applied: \(outcomes)")
      return
    }
    #expect(try #require(changes.first).stamp <= #require(applied.stamp))
    #expect(try #require(changes.last).stamp > #require(applied.stamp))
  }

  @Test func `an idle database answers that it is complete, an open transaction or not`() async throws {
    let scene = try await PostgresScene(Self.items, tables: ["items"], capture: .wal)
    try await scene.execute("BEGIN; INSERT INTO items VALUES (1, 'open'); PREPARE TRANSACTION 'open_\(scene.name)'")
    let (changes, through) = try await scene.drain()
    #expect(changes.isEmpty)
    try await scene.execute("COMMIT PREPARED 'open_\(scene.name)'")
    #expect(try await scene.drain(after: through).changes.map(\.brief) == ["insert 1"])
  }
}
