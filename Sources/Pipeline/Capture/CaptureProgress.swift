package import Changes
import Synchronization

/// Up to when each source of this process is in the log: everything committed there before the instant.
package final class CaptureProgress: Sendable {
  private let complete = Mutex<[SourceName: ContinuousClock.Instant]>([:])

  package init() {}

  package func isComplete(_ sources: [SourceName], asOf instant: ContinuousClock.Instant) -> Bool {
    complete.withLock { complete in sources.allSatisfy { complete[$0].map { $0 >= instant } ?? false } }
  }

  fileprivate func note(_ source: SourceName, _ instant: ContinuousClock.Instant) {
    complete.withLock { $0[source] = max($0[source] ?? instant, instant) }
  }
}

/// A source whose progress is noted as it is captured.
package struct ObservedSource: ChangeSource {
  private struct Pending {
    let through: Position
    let instant: ContinuousClock.Instant
  }

  private let source: any ChangeSource
  private let progress: CaptureProgress
  private let pending = Pendings()

  /// What was handed over and may not be in the log yet.
  private final class Pendings: Sendable { let last = Mutex<Pending?>(nil) }

  package init(_ source: any ChangeSource, progress: CaptureProgress) {
    self.source = source
    self.progress = progress
  }

  package var name: SourceName { source.name }

  /// Who asks for what follows a batch has put that batch into the log.
  package func next(after position: Position?) async throws -> ChangeBatch {
    let last = pending.last.withLock { last in
      defer { last = nil }
      return last
    }
    if let last, last.through == position { progress.note(name, last.instant) }
    let batch = try await source.next(after: position)
    guard let instant = batch.completeAsOf else { return batch }
    if batch.changes.isEmpty {
      progress.note(name, instant)
    } else {
      pending.last.withLock { $0 = Pending(through: batch.through, instant: instant) }
    }
    return batch
  }

  package func release(through position: Position) async throws { try await source.release(through: position) }
}
