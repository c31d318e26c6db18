package import Changes
import Synchronization

/// Up to when each source of this process is in the log: everything committed there before the instant.
package final class CaptureProgress: Sendable {
  private let complete = Mutex<[SourceName: ContinuousClock.Instant]>([:])

  package init() {}

  package func isComplete(_ sources: [SourceName], asOf instant: ContinuousClock.Instant) -> Bool {
    complete.withLock { complete in sources.allSatisfy { complete[$0].map { $0 >= instant } ?? false } }
  }

  /// Called once the log holds everything the source told before `instant`.
  func note(_ source: SourceName, _ instant: ContinuousClock.Instant) {
    complete.withLock { $0[source] = max($0[source] ?? instant, instant) }
  }
}
