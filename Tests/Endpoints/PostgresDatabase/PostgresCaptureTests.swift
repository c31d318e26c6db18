import Changes
import Foundation
import JSON
import Postgres
import PostgresDatabase
import Support
import Testing

struct PostgresCaptureTests {
  private static let items = "CREATE TABLE items (id int PRIMARY KEY, name text)"

  @Test func everyKindOfStatementIsCapturedInOrder() async throws {
    let scene = try await PostgresScene(Self.items, tables: ["items"])
    try await scene.execute("INSERT INTO items VALUES (1, 'a'), (2, 'b')")
    try await scene.execute("UPDATE items SET name = 'c' WHERE id = 1")
    try await scene.execute("INSERT INTO items VALUES (2, 'x') ON CONFLICT (id) DO UPDATE SET name = excluded.name")
    try await scene.execute("DELETE FROM items WHERE id = 2")
    try await scene.execute("TRUNCATE items")
    let (changes, _) = try await scene.drain()
    #expect(changes.map(\.brief) == ["insert 1", "insert 2", "update 1", "update 2", "delete 2", "truncate []"])
    #expect(changes.map { String(decoding: $0.row, as: UTF8.self) }[2] == #"{"id": 1, "name": "c"}"#)
    #expect(changes.allSatisfy { $0.endpoint == EndpointName(system: "shop", name: "items") })
    #expect(changes.allSatisfy { $0.origin == .application })
    #expect(try await scene.database.vitals().outboxChanges == 0)
  }

  @Test func aChangedKeyIsADeleteAndAnInsert() async throws {
    let scene = try await PostgresScene(
      "CREATE TABLE items (id int PRIMARY KEY DEFERRABLE, name text)", tables: ["items"])
    try await scene.execute("INSERT INTO items SELECT g, 'x' FROM generate_series(1, 3) g")
    let (_, start) = try await scene.drain()
    try await scene.execute(
      "BEGIN; UPDATE items SET id = 9 WHERE id = 1; UPDATE items SET name = 'y' WHERE id = 2; COMMIT")
    let (changes, after) = try await scene.drain(after: start)
    #expect(changes.map(\.brief) == ["delete 1", "insert 9", "update 2"])
    try await scene.execute("UPDATE items SET id = id + 7 WHERE id IN (2, 9)")
    let (shifted, _) = try await scene.drain(after: after)
    #expect(Set(shifted.prefix(1).map(\.brief)) == ["delete 2"])
    #expect(Set(shifted.dropFirst().map(\.brief)) == ["update 9", "insert 16"])
  }

  @Test func compositeKeysKeepTheirOrderAndOddNamesWork() async throws {
    let table = #"we"ird; DROP é"#
    let odd = quoted(postgresIdentifier: table)
    let scene = try await PostgresScene(
      """
      CREATE SCHEMA "Sales.1";
      CREATE TABLE "Sales.1".t (n text, "columns" int, r text, origin text, k3 int, PRIMARY KEY (k3, "columns", n));
      CREATE TABLE \(odd) ("it's\\" text PRIMARY KEY, j text, o text)
      """, tables: [table])
    try await scene.execute("INSERT INTO \(odd) VALUES ('k', 'v', 'w')")
    #expect(try await scene.drain().changes.map(\.brief) == ["insert k"])
    let plain = try await PostgresScene(
      "CREATE SCHEMA sales; CREATE TABLE sales.t (n text, r int, origin int, k int, PRIMARY KEY (k, r, n))",
      tables: ["sales.t"])
    try await plain.execute("INSERT INTO sales.t VALUES ('x', 2, 3, 1); UPDATE sales.t SET r = 5")
    let changes = try await plain.drain().changes
    #expect(changes.map(\.brief) == [#"insert [1,2,"x"]"#, #"delete [1,2,"x"]"#, #"insert [1,5,"x"]"#])
    #expect(changes.allSatisfy { $0.endpoint.name == "sales.t" })
  }

  @Test func rowsAreTheSameTextWhateverTheWritersSettings() async throws {
    let scene = try await PostgresScene(
      """
      CREATE TABLE v (id int PRIMARY KEY, at timestamptz, span interval, raw bytea, big numeric, real float8,
        day date, list int[], doc jsonb, range tstzrange)
      """, tables: ["v"])
    try await scene.execute(
      """
      SET "TimeZone" = 'Asia/Tokyo'; SET "IntervalStyle" = 'iso_8601'; SET "DateStyle" = 'German';
      SET bytea_output = 'escape'; SET extra_float_digits = -5;
      INSERT INTO v VALUES (1, '2024-01-02 03:04:05.678901+00', '1 day 2 hours', '\\x00ff', 12345678901234567890.10,
        0.1::float8 + 0.2::float8, '0044-03-15 BC', '{1,NULL}', '{"b":1,"a":1.10}', '[2024-01-01 00:00+00,)'),
        (2, 'infinity', NULL, NULL, 'NaN', '-Infinity', 'infinity', '{}', 'null', NULL)
      """)
    let changes = try await scene.drain().changes
    let table = try await scene.database.table("v")
    let records = try await table.records(changes.map(\.key))
    #expect(records.count == 2)
    for change in changes { #expect(records[change.key]?.fields == change.object) }
    let first = try #require(changes.first?.object)
    #expect(first["at"] == "2024-01-02T03:04:05.678901+00:00")
    #expect(first["raw"] == "\\x00ff")
    #expect(first["big"]?.text == "12345678901234567890.10")
    #expect(first["real"]?.text == "0.30000000000000004")
    #expect(first["span"] == "1 day 02:00:00")
  }

  @Test func largeTransactionsComeInBoundedBatches() async throws {
    let scene = try await PostgresScene(Self.items, tables: ["items"])
    try await scene.execute("INSERT INTO items SELECT g, 'row ' || g FROM generate_series(1, 100000) g")
    var position: Position?
    var ids: [Int64] = []
    let clock = ContinuousClock.now
    while ids.count < 100_000 {
      let batch = try await scene.database.next(after: position)
      #expect(batch.changes.count <= 4000)
      ids += batch.changes.compactMap { $0.key.values.first?.integerValue }
      position = batch.through
    }
    print("postgres capture: 100000 rows in \(clock.duration(to: .now))")
    #expect(ids == Array(1...100_000))
    try await scene.database.release(through: try #require(position))
    #expect(try await scene.database.vitals().outboxChanges == 0)
  }

  @Test func anIdleSourceAnswersThatItIsComplete() async throws {
    let scene = try await PostgresScene(Self.items, tables: ["items"])
    let start = ContinuousClock.now
    let batch = try await scene.database.next(after: nil)
    #expect(batch.changes.isEmpty)
    #expect(try #require(batch.completeAsOf) > start)
  }

  @Test func writersWithoutRightsAreCapturedAndCannotForge() async throws {
    let scene = try await PostgresScene(
      Self.items + "; CREATE ROLE clerk_\(UUID().uuidString.prefix(8).lowercased()) LOGIN", tables: ["items"])
    let role = try await scene.text(
      "SELECT rolname FROM pg_roles WHERE rolname LIKE 'clerk_%' ORDER BY oid DESC LIMIT 1")
    try await scene.execute("GRANT SELECT, INSERT ON items TO \(role)")
    let name = try await scene.text("SELECT current_database()")
    let clerk = PostgresConnection(url: try ScratchPostgres.cluster().url(name, user: role))
    try await clerk.run { try $0.execute("INSERT INTO items VALUES (5, 'by a clerk')") }
    #expect(try await scene.drain().changes.map(\.brief) == ["insert 5"])
    for forbidden in [
      "INSERT INTO tidemark.outbox (relation, operation, key, origin) VALUES (1, 1, '[]', 0)",
      "SELECT * FROM tidemark.outbox", "SELECT nextval('tidemark.outbox_id')", "SELECT tidemark.key_of('{}', '{a}')",
      "CREATE TRIGGER x AFTER INSERT ON items FOR EACH STATEMENT EXECUTE FUNCTION tidemark.capture('id')",
    ] {
      let error = await #expect(throws: PostgresError.self) { try await clerk.run { try $0.execute(forbidden) } }
      #expect(error?.sqlState == "42501")
    }
  }
}
