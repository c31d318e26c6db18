import Foundation
import Synchronization

/// A serial executor with a thread of its own, for actors that call blocking C functions.
///
/// A C call that waits (a query, an fsync) on Swift's cooperative pool stops everything else there: with two cores
/// two such calls make a 10 ms sleep elsewhere take 2 s. An actor that names this executor as its
/// `unownedExecutor` runs every job on the executor's thread, in order, one at a time.
///
/// A hop costs about 25 µs, so an actor on such an executor takes batches, never single rows.
/// The thread ends when the executor is released; a job that was already accepted still runs.
package final class BlockingExecutor: SerialExecutor {
  private let queue: JobQueue

  /// - Parameter label: the thread's name, seen in `top -H` and in core dumps (15 bytes are kept).
  package init(label: String) {
    let queue = JobQueue()
    self.queue = queue
    let thread = Thread { queue.drain() }
    thread.name = label
    thread.stackSize = 1 << 20
    thread.start()
  }

  deinit { queue.close() }

  package func enqueue(_ job: consuming ExecutorJob) {
    unsafe queue.push(Job(job: UnownedJob(job), executor: asUnownedSerialExecutor()))
  }
}

/// A job and the executor it runs on, which the job's actor keeps alive until the job has run.
@safe private struct Job {
  let job: UnownedJob
  let executor: UnownedSerialExecutor

  func run() { unsafe job.runSynchronously(on: executor) }
}

/// The jobs that wait for the thread. Closing lets the thread leave once the queue is empty.
private final class JobQueue: Sendable {
  @safe private struct Waiting {
    var jobs: [Job] = []
    var isClosed = false
  }
  private let waiting = Mutex(Waiting())
  private let signal = DispatchSemaphore(value: 0)

  func push(_ job: Job) {
    waiting.withLock { $0.jobs.append(job) }
    signal.signal()
  }

  func close() {
    waiting.withLock { $0.isClosed = true }
    signal.signal()
  }

  func drain() {
    while true {
      signal.wait()
      let (jobs, isClosed) = waiting.withLock { state in
        defer { state.jobs = [] }
        return (state.jobs, state.isClosed)
      }
      for job in jobs { job.run() }
      if isClosed { return }
    }
  }
}
