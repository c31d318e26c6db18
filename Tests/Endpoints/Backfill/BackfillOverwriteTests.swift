import Changes
import Glibc
import Log
import Support
import Synchronization
import Testing

/// Invariant 8, for every way of capture: a row that a backfill read never takes its record back.
@Suite(.serialized, .timeLimit(.minutes(3))) struct BackfillOverwriteTests {
  @Test(arguments: CaptureKind.allCases)
  func `A row that was read before a commit gives way to the change that arrived before the row did`(
    kind: CaptureKind
  ) async throws {
    let scene = try await BackfillScene(kind)
    try await scene.execute("INSERT INTO items VALUES (1, 'a', 1), (2, 'b', 1)")
    // The transaction begins before the read, so that its stamp may be lower than the read's; it is held open, read past,
    // committed, captured and delivered, and only then do the rows go on.
    let began = Gate()
    let read = Gate()
    let reader = SlowReader(table: scene.target) {
      read.open()
      try await eventually("the change arrives") { await scene.arrived()["a"] == 2 }
    }
    try await scene.running(reader) {
      let writer = Task {
        try await scene.hold("UPDATE items SET version = 2 WHERE id = 1") {
          began.open()
          read.wait()
        }
      }
      await began.isOpen()
      try await scene.log.requestBackfill(of: BackfillScene.link, .local, reason: "test")
      try await writer.value
    }
    #expect(await scene.turnedBack() == [])
    #expect(await scene.arrived() == ["a": 2, "b": 1])
    #expect(try await scene.log.backfills().allSatisfy { $0.gaveWay >= 1 })
  }

  @Test(arguments: CaptureKind.allCases)
  func `Versions never go back while many write and the table is read again and again`(kind: CaptureKind) async throws {
    let seed = UInt64.random(in: 0..<1_000_000)
    print("\(kind.rawValue), seed \(seed)")
    let scene = try await BackfillScene(kind)
    let rows = 120
    let values = (1...rows).map { "(\($0), 'r\($0)', 1)" }.joined(separator: ", ")
    try await scene.execute("INSERT INTO items VALUES \(values)")
    let delays = Mutex(SeededNumbers(state: seed))
    let reader = SlowReader(table: scene.target) {
      let pause = delays.withLock { Int.random(in: 0...25, using: &$0) }
      try await Task.sleep(for: .milliseconds(pause))
    }
    try await scene.running(reader) {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for writer in 0..<(kind.isSQLite ? 1 : 3) {
          group.addTask {
            var numbers = SeededNumbers(state: seed + UInt64(writer) + 1)
            for _ in 0..<80 {
              let ids = (0..<3).map { _ in Int.random(in: 1...rows, using: &numbers) }.sorted()
              let updates = ids.map { "UPDATE items SET version = version + 1 WHERE id = \($0)" }
              let gone = Int.random(in: 1...rows, using: &numbers)
              let statements =
                Int.random(in: 0..<20, using: &numbers) == 0 ? ["DELETE FROM items WHERE id = \(gone)"] : updates
              try await scene.execute(
                statements.joined(separator: ";\n"), pause: .milliseconds(Int.random(in: 0...15, using: &numbers)))
            }
          }
        }
        group.addTask {
          for _ in 0..<6 {
            try await scene.log.requestBackfill(of: BackfillScene.link, .local, reason: "test")
            try await eventually("the backfill ends") {
              try await scene.log.backfills().allSatisfy { !$0.state.isActive }
            }
          }
        }
        try await group.waitForAll()
      }
    }
    #expect(await scene.turnedBack() == [], "seed \(seed)")
    #expect(try await scene.versions() == scene.arrived(), "seed \(seed)")
  }
}

/// Opens once; tasks and threads wait for it.
final class Gate: Sendable {
  private let state = Atomic(false)

  func open() { state.store(true, ordering: .releasing) }

  func isOpen() async {
    while !state.load(ordering: .acquiring) { try? await Task.sleep(for: .milliseconds(1)) }
  }

  /// Blocks the thread, which is a connection's own.
  func wait() {
    while !state.load(ordering: .acquiring) { usleep(500) }
  }
}
