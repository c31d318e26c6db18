import Changes
import JSON
import Postgres
import Support
import Testing

@testable import Polling

@Suite(.serialized) struct PollingTests {
  private static func items(_ kind: PolledKind) -> String {
    "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, changed \(kind.time), version INTEGER)"
  }

  @Test(arguments: PolledKind.allCases)
  func `What is there at first is read, what comes later is told once as what it is`(kind: PolledKind) async throws {
    let scene = try await PollScene(kind, Self.items(kind), PollScene.hurried(cursor: "version"))
    try await scene.execute("INSERT INTO items (id, name, version) VALUES (1, 'a', 1), (2, 'b', 2)")
    try await scene.begin()
    #expect(await scene.news() == ["read 1", "read 2"])
    try await scene.execute("INSERT INTO items (id, name, version) VALUES (3, 'c', 3)")
    try await scene.execute("UPDATE items SET name = 'A', version = 4 WHERE id = 1")
    try await scene.round()
    #expect(await scene.news(since: 2) == ["insert 3", "update 1"])
    try await scene.execute("DELETE FROM items WHERE id = 2")
    try await scene.round()
    #expect(await scene.told.count == 4)
    try await scene.sweep()
    #expect(await scene.news(since: 4) == ["delete 2"])
    for _ in 0..<3 {
      try await scene.round()
      try await scene.sweep()
      try await scene.restart()
    }
    #expect(await scene.told.count == 5)
  }

  @Test(arguments: PolledKind.allCases)
  func `Ten thousand rows of one moment are each told once`(kind: PolledKind) async throws {
    let scene = try await PollScene(kind, Self.items(kind), PollScene.hurried(cursor: "changed"))
    try await scene.begin()
    try await scene.execute(
      """
      INSERT INTO items (id, name, changed)
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
      SELECT i, 'row ' || i, t.moment FROM n, (SELECT \(kind.now) AS moment) t
      """)
    try await scene.round()
    #expect(await scene.told.count == 10_000)
    #expect(await Set(scene.told.map(\.key)).count == 10_000)
    #expect(await scene.told.allSatisfy { $0.operation == .insert })
    for _ in 0..<4 { try await scene.round() }
    #expect(await scene.told.count == 10_000)
    #expect(await scene.state.mark != nil, "the mark has moved past them")
    try await scene.execute("UPDATE items SET name = 'x', changed = \(kind.now) WHERE id IN (17, 9999)")
    try await scene.round()
    #expect(await scene.news(since: 10_000).sorted() == ["update 17", "update 9999"])
  }

  @Test(arguments: PolledKind.allCases)
  func `A row that leaves the condition is gone with the next round, and only what may be told is`(
    kind: PolledKind
  ) async throws {
    let restriction = RowRestriction(.except(["version"]), masks: ["changed": .fixed], condition: "name <> 'draft'")
    let scene = try await PollScene(
      kind, Self.items(kind), PollScene.hurried(cursor: "version"), restriction: restriction)
    try await scene.execute(
      "INSERT INTO items (id, name, changed, version) VALUES (1, 'a', \(kind.now), 1), (2, 'draft', NULL, 2)")
    try await scene.begin()
    #expect(await scene.news() == ["read 1"])
    try await scene.execute("UPDATE items SET name = 'draft', version = 3 WHERE id = 1")
    try await scene.execute("UPDATE items SET name = 'b', version = 4 WHERE id = 2")
    try await scene.execute("INSERT INTO items (id, name, version) VALUES (3, 'draft', 5), (4, NULL, 6)")
    try await scene.round()
    #expect(await scene.news(since: 1).sorted() == ["delete 1", "insert 2"])
    try await scene.execute("UPDATE items SET name = 'draft' WHERE id = 2")
    try await scene.sweep()
    #expect(await scene.news(since: 3) == ["delete 2"])
    try await scene.execute("UPDATE items SET name = 'c', version = 7 WHERE id = 1")
    for _ in 0..<2 {
      try await scene.round()
      try await scene.sweep()
      try await scene.restart()
    }
    #expect(await scene.news(since: 4) == ["insert 1"])
    #expect(try await scene.replayed == scene.contents())
    #expect(await scene.told.compactMap(\.object).map { $0["changed"] } == ["***", .null, "***"])
    #expect(await scene.told.allSatisfy { $0.object?["version"] == nil })
  }

  @Test(arguments: PolledKind.allCases)
  func `Deletes are found by the sweep, those of a time without Tidemark too`(kind: PolledKind) async throws {
    let scene = try await PollScene(kind, Self.items(kind), PollScene.hurried(cursor: nil))
    try await scene.execute(
      """
      INSERT INTO items (id, name)
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) SELECT i, 'row' FROM n
      """)
    try await scene.sweep()
    try await scene.execute("DELETE FROM items WHERE id IN (1, 1000, 1001)")
    try await scene.restart()
    try await scene.execute("DELETE FROM items WHERE id = 2500")
    try await scene.sweep()
    #expect(await scene.news(since: 2500).sorted() == ["delete 1", "delete 1000", "delete 1001", "delete 2500"])
    try await scene.execute("INSERT INTO items (id, name) VALUES (1, 'again')")
    try await scene.sweep()
    #expect(await scene.news(since: 2504) == ["insert 1"])
    try await scene.execute("DELETE FROM items")
    try await scene.sweep()
    #expect(try await scene.replayed.isEmpty)
  }

  @Test(arguments: PolledKind.allCases)
  func `A row before the mark is missed by rounds and found by the sweep`(kind: PolledKind) async throws {
    let scene = try await PollScene(kind, Self.items(kind), PollScene.hurried(cursor: "version"))
    try await scene.execute("INSERT INTO items (id, version) VALUES (1, 10)")
    try await scene.begin()
    for _ in 0..<3 { try await scene.round() }
    let known = await scene.told.count
    try await scene.execute("INSERT INTO items (id, version) VALUES (2, 5), (3, NULL)")
    for _ in 0..<3 { try await scene.round() }
    #expect(await scene.news(since: known) == [])
    try await scene.sweep()
    #expect(await scene.news(since: known) == ["insert 2", "insert 3"])
  }

  @Test(arguments: PolledKind.allCases)
  func `A place becomes the mark only when the overlap has gone by`(kind: PolledKind) async throws {
    var settings = PollScene.hurried(cursor: "version")
    settings.overlap = .seconds(3600)
    let scene = try await PollScene(kind, Self.items(kind), settings)
    try await scene.sweep()
    try await scene.execute("INSERT INTO items (id, version) VALUES (1, 10)")
    for _ in 0..<3 { try await scene.round() }
    try await scene.execute("INSERT INTO items (id, version) VALUES (2, 5)")
    try await scene.round()
    try await scene.restart()
    try await scene.round()
    #expect(await scene.news() == ["insert 1", "insert 2"])
  }

  @Test func `A transaction that writes for longer than the overlap is waited for`() async throws {
    let scene = try await PollScene(.postgres, Self.items(.postgres), PollScene.hurried(cursor: "changed"))
    try await scene.execute("INSERT INTO items (id, name, changed) VALUES (1, 'a', now())")
    try await scene.begin()
    for _ in 0..<3 { try await scene.round() }
    let known = await scene.told.count
    let slow = try await SlowTransaction(scene.url, "UPDATE items SET name = 'late', changed = now() WHERE id = 1")
    try await scene.execute("INSERT INTO items (id, name, changed) VALUES (2, 'b', clock_timestamp())")
    for _ in 0..<5 { try await scene.round() }
    #expect(await scene.news(since: known) == ["insert 2"])
    try await slow.commit()
    try await scene.round()
    #expect(await scene.news(since: known) == ["insert 2", "update 1"])
    for _ in 0..<4 { try await scene.round() }
    let mark = await scene.state.mark
    #expect(mark?.key == RecordKey(2), "the mark moves on once nobody is in the way")
  }

  @Test func `A prepared transaction is waited for`() async throws {
    let scene = try await PollScene(.postgres, Self.items(.postgres), PollScene.hurried(cursor: "version"))
    try await scene.execute("INSERT INTO items (id, version) VALUES (1, 1)")
    try await scene.begin()
    let application = PostgresConnection(url: scene.url)
    try await application.run {
      try $0.execute("BEGIN; INSERT INTO items (id, version) VALUES (2, 2); PREPARE TRANSACTION 'polled'")
    }
    try await scene.execute("INSERT INTO items (id, version) VALUES (3, 3)")
    for _ in 0..<5 { try await scene.round() }
    try await application.run { try $0.execute("COMMIT PREPARED 'polled'") }
    try await scene.round()
    #expect(await scene.news(since: 1) == ["insert 3", "insert 2"])
  }

  @Test(arguments: PolledKind.allCases)
  func `A row of the future does not leave the present behind it`(kind: PolledKind) async throws {
    let scene = try await PollScene(kind, Self.items(kind), PollScene.hurried(cursor: "changed"))
    try await scene.execute(
      "INSERT INTO items (id, name, changed) VALUES (1, 'a', '2999-01-01 00:00:00'), (2, 'b', \(kind.now))")
    if kind == .postgres { try await scene.execute("INSERT INTO items (id, changed) VALUES (3, 'infinity')") }
    try await scene.begin()
    for _ in 0..<4 { try await scene.round() }
    let known = await scene.told.count
    try await scene.execute("INSERT INTO items (id, name, changed) VALUES (4, 'c', \(kind.now))")
    try await scene.round()
    #expect(await scene.news(since: known) == ["insert 4"])
  }

  @Test(arguments: PolledKind.allCases)
  func `A view is polled by the key it is given`(kind: PolledKind) async throws {
    let scene = try await PollScene(
      kind,
      """
      \(Self.items(kind));
      CREATE VIEW names AS SELECT 'item' AS kind, id AS number, upper(name) AS name FROM items WHERE version > 0
      """, table: "names", PollScene.hurried(cursor: nil, key: ["kind", "number"]))
    try await scene.execute("INSERT INTO items (id, name, version) VALUES (1, 'a', 1), (2, 'b', 0)")
    try await scene.sweep()
    try await scene.execute("UPDATE items SET version = 1 - version, name = 'c'")
    try await scene.sweep()
    #expect(await scene.news() == [#"read ["item",1]"#, #"insert ["item",2]"#, #"delete ["item",1]"#])
    #expect(try await scene.replayed.values.first?["name"] == "C")
    #expect(try await scene.replayed == scene.contents())
  }

  @Test(arguments: PolledKind.allCases)
  func `A key that two rows share is refused with words`(kind: PolledKind) async throws {
    let scene = try await PollScene(kind, Self.items(kind), PollScene.hurried(cursor: nil, key: ["name"]))
    try await scene.execute("INSERT INTO items (id, name) VALUES (1, 'a'), (2, 'a')")
    let failure = await #expect(throws: Failure.self) { try await scene.sweep() }
    #expect(failure?.code == "poll.key")
  }

  @Test(arguments: PolledKind.allCases)
  func `Another cursor starts anew and repeats nothing`(kind: PolledKind) async throws {
    let scene = try await PollScene(kind, Self.items(kind), PollScene.hurried(cursor: "version"))
    try await scene.execute("INSERT INTO items (id, name, version) VALUES (1, 'a', 1)")
    try await scene.begin()
    try await scene.restart(PollScene.hurried(cursor: "changed"))
    try await scene.execute("INSERT INTO items (id, changed) VALUES (2, \(kind.now))")
    try await scene.round()
    try await scene.sweep()
    #expect(await scene.news() == ["read 1", "insert 2"])
  }
}
