import Support
import Testing

@testable import Replay

@Suite("Record locks", .timeLimit(.minutes(1)))
struct RecordLocksTests {
  @Test("never lets two deliveries hold one name, and lets everybody through in the end")
  func exclusion() async {
    let locks = RecordLocks()
    let held = HeldNames()
    let seed = UInt64.random(in: 0 ... .max)
    await withTaskGroup(of: Void.self) { group in
      for task in 0..<8 {
        group.addTask {
          var numbers = SeededNumbers(state: seed &+ UInt64(task))
          for _ in 0..<200 {
            let names = Set((0..<3).map { _ in "\(Int.random(in: 0..<6, using: &numbers))" })
            await locks.acquire(names)
            #expect(await held.take(names), "seed \(seed)")
            await Task.yield()
            await held.give(names)
            await locks.release(names)
          }
        }
      }
    }
  }
}

/// What the tasks of the test hold, kept apart from the locks they test.
private actor HeldNames {
  private var names: Set<String> = []

  /// - Returns: whether nobody held any of them.
  func take(_ wanted: Set<String>) -> Bool {
    defer { names.formUnion(wanted) }
    return names.isDisjoint(with: wanted)
  }

  func give(_ back: Set<String>) { names.subtract(back) }
}
