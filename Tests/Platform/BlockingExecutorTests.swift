import Blocking
import Dispatch
import Testing

@Suite struct BlockingExecutorTests {
  /// Blocks its own thread until another actor of the same kind releases it.
  actor Worker {
    private let executor = BlockingExecutor(label: "test")
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
    private var count = 0

    func block(on semaphore: DispatchSemaphore) { semaphore.wait() }
    func signal(_ semaphore: DispatchSemaphore) { semaphore.signal() }
    func increment() -> Int {
      count += 1
      return count
    }
  }

  @Test func `More blocked actors than processors stop nobody else`() async {
    let semaphore = DispatchSemaphore(value: 0)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<16 { group.addTask { await Worker().block(on: semaphore) } }
      group.addTask {
        for _ in 0..<16 { await Worker().signal(semaphore) }
      }
    }
  }

  @Test func `Jobs run one at a time`() async {
    let worker = Worker()
    let counts = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<1000 { group.addTask { await worker.increment() } }
      return await group.reduce(into: Set<Int>()) { $0.insert($1) }
    }
    #expect(counts == Set(1...1000))
  }
}
