import Changes
import Log
import Support
import Testing

@testable import Polling

/// A sweep that finds an unusual share of a table gone.
struct DeleteGuardTests {
  private static func scene(_ kind: PolledKind, rows: Int, cursor: String? = nil) async throws -> PollScene {
    var settings = PollScene.hurried(cursor: cursor)
    settings.deletes = 0.2
    let scene = try await PollScene(kind, "CREATE TABLE items (id INTEGER PRIMARY KEY, version INTEGER)", settings)
    try await fill(scene, 1...rows)
    try await scene.begin()
    return scene
  }

  private static func fill(_ scene: PollScene, _ ids: ClosedRange<Int>, version: String = "i") async throws {
    try await scene.execute(
      """
      INSERT INTO items (id, version)
      WITH RECURSIVE n (i) AS (SELECT \(ids.lowerBound) UNION ALL SELECT i + 1 FROM n WHERE i < \(ids.upperBound))
      SELECT i, \(version) FROM n
      """)
  }

  private static func deletes(_ scene: PollScene) async -> Int {
    await scene.told.count { $0.operation == .delete }
  }

  @Test(arguments: PolledKind.allCases, [nil, "version"])
  func `Nothing is deleted until somebody has said that it is meant, and then all of it`(
    kind: PolledKind, cursor: String?
  ) async throws {
    let scene = try await Self.scene(kind, rows: 2500, cursor: cursor)
    try await scene.execute("DELETE FROM items WHERE id > 1900")
    for _ in 0..<2 {
      let failure = await #expect(throws: Failure.self) { try await scene.sweep() }
      #expect(failure?.code == "poll.deletes")
      #expect(failure?.message.contains("600 of 2500 known rows are gone, more than 500") == true)
      try await scene.restart()
    }
    #expect(await Self.deletes(scene) == 0)
    #expect(try await scene.held.map { "\($0.source) \($0.gone) \($0.known)" } == ["shop.items 600 2500"])
    try await scene.confirm()
    try await scene.sweep()
    #expect(await Self.deletes(scene) == 600)
    #expect(try await scene.held.isEmpty)

    // What was said was about these rows only.
    try await scene.execute("DELETE FROM items WHERE id > 1000")
    await #expect(throws: Failure.self) { try await scene.sweep() }
    #expect(await Self.deletes(scene) == 600)
  }

  @Test(arguments: PolledKind.allCases)
  func `What a day's work deletes passes, and so do many rows of a small table`(kind: PolledKind) async throws {
    let large = try await Self.scene(kind, rows: 1000)
    try await large.execute("DELETE FROM items WHERE id % 5 = 0")
    try await large.sweep()
    #expect(await Self.deletes(large) == 200)
    let small = try await Self.scene(kind, rows: 100)
    try await small.execute("DELETE FROM items")
    try await small.sweep()
    #expect(await Self.deletes(small) == 100)
  }

  @Test(arguments: PolledKind.allCases)
  func `Rows that come while the sweep reads are not taken for gone ones`(kind: PolledKind) async throws {
    let scene = try await Self.scene(kind, rows: 1500, cursor: "version")
    // The rows behind the place of the sweep are known by the rounds, but were not read by the sweep.
    try await scene.sweep { try await Self.fill(scene, -1000 ... -1, version: "i + 100000") }
    #expect(await Self.deletes(scene) == 0)
    #expect(try await scene.held.isEmpty)
    #expect(await scene.told.count == 2500)
  }

  @Test(arguments: PolledKind.allCases)
  func `More gone than was agreed to is asked for again`(kind: PolledKind) async throws {
    let scene = try await Self.scene(kind, rows: 2000)
    try await scene.execute("DELETE FROM items WHERE id > 1500")
    await #expect(throws: Failure.self) { try await scene.sweep() }
    try await scene.confirm()
    try await scene.execute("DELETE FROM items WHERE id > 500")
    await #expect(throws: Failure.self) { try await scene.sweep() }
    #expect(await Self.deletes(scene) <= 500)
  }
}
