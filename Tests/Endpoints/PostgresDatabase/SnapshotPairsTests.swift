import Changes
import JSON
import Postgres
import PostgresDatabase
import Support
import Synchronization
import Testing

/// DESIGN, invariant 2: no gaps. Real sessions write at once, sleep inside their transactions and roll back, and one
/// transaction stays open throughout.
struct SnapshotPairsTests {
  private typealias Reader = @Sendable (Int64) async throws -> [Change]

  @Test func snapshotPairsReadEveryCommittedRowOnceAndInOrderOfItsKey() async throws {
    let scene = try await Self.scene()
    let place = Place()
    let found = try await Self.run(scene) { _ in
      let batch = try await scene.database.next(after: await place.position)
      try await scene.database.release(through: batch.through)
      await place.move(to: batch.through)
      return batch.changes
    }
    let expected = try await Self.committed(scene)
    #expect(found.count == expected.count)
    #expect(Set(found.map(Self.version)) == expected)
    var last: [String: Int64] = [:]
    for change in found {
      let (key, version) = (change.key.encoded, change.object?["version"]?.integerValue ?? 0)
      #expect(version > last[key, default: 0])
      last[key] = version
    }
  }

  /// The proof that the test above can fail.
  @Test func readingByIdAloneLosesRows() async throws {
    let scene = try await Self.scene()
    let reader = PostgresConnection(url: scene.url)
    let found = try await Self.run(scene) { last in
      try await reader.run { session in
        try session.all(
          "SELECT id, json_build_array(\"row\" -> 'id'), \"row\" FROM tidemark.outbox WHERE id > $1 ORDER BY id",
          [.integer(last)]
        ) { row in
          Change(
            .update, of: EndpointName(system: "shop", name: "hot"), key: try RecordKey(encoded: row.string(1)),
            row: row.bytes(2), stamp: Stamp(row.integer(0)), committedAt: Timestamp(microseconds: 0))
        }
      }
    }
    let expected = try await Self.committed(scene)
    #expect(Set(found.map(Self.version)).isStrictSubset(of: expected))
  }

  private actor Place {
    var position: Position?
    func move(to position: Position) { self.position = position }
  }

  /// The writers at work. The long transaction ends when they are done, the reader when that has ended too.
  private final class Writers: Sendable {
    private let left = Atomic<Int>(16)
    func leave() { left.subtract(1, ordering: .sequentiallyConsistent) }
    var areDone: Bool { left.load(ordering: .sequentiallyConsistent) == 0 }
  }

  private static func scene() async throws -> PostgresScene {
    try await PostgresScene(
      """
      CREATE TABLE hot (id int PRIMARY KEY, version int NOT NULL);
      CREATE TABLE history (id int, version int);
      INSERT INTO hot SELECT g, 0 FROM generate_series(0, 40) g
      """, tables: ["hot"])
  }

  private static func version(_ change: Change) -> String {
    "\(change.key) \(change.object?["version"]?.text ?? "")"
  }

  /// What the transactions that committed have written, by their own account.
  private static func committed(_ scene: PostgresScene) async throws -> Set<String> {
    Set(
      try await scene.application.run { session in
        try session.all("SELECT id, version FROM history") { "\($0.string(0)) \($0.string(1))" }
      })
  }

  /// Sixteen writers against `read`, which is asked until everything committed can have been seen.
  private static func run(_ scene: PostgresScene, _ read: @escaping Reader) async throws -> [Change] {
    let seed = UInt64.random(in: 1...UInt64(UInt32.max))
    print("SnapshotPairsTests seed \(seed)")
    let blocker = PostgresConnection(url: scene.url)
    let began = AsyncStream<Void>.makeStream()
    let finished = AsyncStream<Void>.makeStream()
    let writers = Writers()
    return try await withThrowingTaskGroup(of: [Change].self) { group in
      group.addTask {
        // One row of its own, written first and committed last. The session is held by one `run`.
        try await blocker.run { session in
          try session.execute("BEGIN")
          try session.execute(Self.write(key: 40))
          began.continuation.finish()
          while !writers.areDone { try session.execute("SELECT pg_sleep(0.02)") }
          try session.commit()
        }
        finished.continuation.finish()
        return []
      }
      for await _ in began.stream {}
      for writer in 0..<16 {
        group.addTask {
          defer { writers.leave() }
          try await Self.write(scene.url, seed: seed &+ UInt64(writer))
          return []
        }
      }
      group.addTask {
        var found: [Change] = []
        while !writers.areDone { found += try await read(found.last?.stamp.number ?? 0) }
        for await _ in finished.stream {}
        for _ in 0..<3 { found += try await read(found.last?.stamp.number ?? 0) }
        return found
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
  }

  private static func write(key: Int) -> String {
    """
    WITH new AS (UPDATE hot SET version = version + 1 WHERE id = \(key) RETURNING id, version)
    INSERT INTO history SELECT * FROM new
    """
  }

  private static func write(_ url: String, seed: UInt64) async throws {
    let connection = PostgresConnection(url: url)
    var random = SeededNumbers(state: seed)
    for _ in 0..<25 {
      // Keys in order, so that writers wait for each other but never in a circle.
      let keys = (0..<Int.random(in: 1...3, using: &random)).map { _ in Int.random(in: 0..<8, using: &random) }.sorted()
      let pauses = keys.map { _ in Double.random(in: 0...0.01, using: &random) }
      let isRolledBack = Int.random(in: 0..<10, using: &random) < 3
      try await connection.run { session in
        // Some take their transaction id long before they write.
        try session.execute("BEGIN; SELECT pg_current_xact_id()")
        for (key, pause) in zip(keys, pauses) {
          try session.execute("SELECT pg_sleep(\(pause))")
          try session.execute(Self.write(key: key))
        }
        try session.execute("SELECT pg_sleep(\(pauses[0]))")
        try session.execute(isRolledBack ? "ROLLBACK" : "COMMIT")
      }
    }
    await connection.close()
  }
}
