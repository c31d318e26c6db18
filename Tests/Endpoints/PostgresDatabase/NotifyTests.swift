import Changes
import Postgres
import PostgresDatabase
import Support
import Testing

/// Commits that wake the reader of what triggers captured.
struct NotifyTests {
  private static let items = "CREATE TABLE items (id int PRIMARY KEY)"
  private static let bell = "SELECT count(*) FROM pg_trigger WHERE tgname = 'tidemark_notify'"

  private func database(_ scene: PostgresScene, isNotified: Bool) async throws -> PostgresDatabase {
    try await PostgresDatabase(
      name: "shop", url: scene.url, tables: ["items"], capture: .trigger, isNotified: isNotified)
  }

  @Test func `A commit wakes a reader that has waited for long, whoever makes it`() async throws {
    let scene = try await PostgresScene(Self.items, tables: ["items"], attached: false)
    let database = try await database(scene, isNotified: true)
    try await database.attach(["items"])
    var position = try await database.drain().through
    var delays: [Duration] = []
    for id in 0..<20 {
      let after = position
      async let next = database.next(after: after)
      // Longer than a reader that polls needs for its longest pause.
      try await Task.sleep(for: .milliseconds(120))
      let replica = id % 2 == 0 ? "" : "SET session_replication_role = replica;"
      try await scene.execute("\(replica) INSERT INTO items VALUES (\(id)); RESET session_replication_role")
      let committed = ContinuousClock.now
      var batch = try await next
      // A heartbeat came first.
      while batch.changes.isEmpty { batch = try await database.next(after: batch.through) }
      delays.append(.now - committed)
      #expect(batch.changes.map(\.brief) == ["insert \(id)"])
      position = batch.through
      try await database.release(through: position)
    }
    // One that is not woken looks again after 250 ms, so 130 ms late. A busy machine makes single ones late, not all.
    let quickest = delays.sorted()[2]
    #expect(quickest < .milliseconds(60), "\(delays.sorted())")
  }

  @Test func `It is installed where it is asked for only, and taken away again`() async throws {
    let scene = try await PostgresScene(Self.items, tables: ["items"])
    #expect(try await scene.text(Self.bell) == "0")
    let notified = try await database(scene, isNotified: true)
    #expect(try await notified.attachPlan(["items"]).count == 2)
    try await notified.attach(["items"])
    #expect(try await notified.attachPlan(["items"]) == [])
    #expect(try await scene.text(Self.bell) == "1")
    // Nothing went unseen.
    try await scene.execute("INSERT INTO items VALUES (1)")
    let (changes, position) = try await notified.drain()
    #expect(changes.map(\.brief) == ["insert 1"])
    let silent = try await database(scene, isNotified: false)
    try await silent.attach(["items"])
    #expect(try await scene.text(Self.bell) == "0")
    try await scene.execute("INSERT INTO items VALUES (2)")
    #expect(try await silent.drain(after: position).changes.map(\.brief) == ["insert 2"])
    try await notified.attach(["items"])
    try await notified.detach()
    #expect(try await scene.text(Self.bell) == "0")
  }
}
