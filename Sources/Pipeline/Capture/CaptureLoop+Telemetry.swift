import Changes
import Logging
import Synchronization
import Telemetry

extension CaptureLoop {
  /// A batch that is complete as of an instant leaves nothing committed before it outside the log. Until the next such
  /// batch nobody can tell how old the oldest change outside is: the time since the last one is the most it can be.
  /// Called once the log holds the batch.
  func measure(_ batch: ChangeBatch) {
    count(batch.changes)
    guard let complete = batch.completeAsOf else { return publishLag() }
    progress.note(source.name, complete)
    lastComplete.instant.withLock { $0 = complete }
    telemetry.captureLag(source: source.name).set(0)
    if telemetry.clear(.capture, source.name) { logger.notice("capture of \(source.name) goes on") }
  }

  /// Changes of one kind come in runs: a counter is looked up once a run.
  private func count(_ changes: [Change]) {
    let changes = changes.span
    var start = 0
    while start < changes.count {
      let (endpoint, operation) = (changes[start].endpoint, changes[start].operation)
      var end = start + 1
      while end < changes.count, changes[end].operation == operation, changes[end].endpoint == endpoint { end += 1 }
      telemetry.changes(endpoint: endpoint, operation: operation).increment(by: end - start)
      start = end
    }
  }

  private func publishLag() {
    let since = lastComplete.instant.withLock { $0 }
    telemetry.captureLag(source: source.name).set(ContinuousClock.now - since)
  }

  /// Capture stands still and will try again. Told once, however often that is.
  func report(_ error: any Error) {
    let reason: StallReason =
      switch error {
      case is CaptureGap: .notAttached
      case let end as EndUnavailable: StallReason(failureCode: end.failure.code)
      case let failure as Failure: StallReason(failureCode: failure.code)
      default: .unreachable
      }
    publishLag()
    let isNew = telemetry.stall(.capture, source.name, reason, detail: "\(error)")
    logger.log(level: isNew ? .warning : .debug, "capture of \(source.name) is interrupted: \(error)")
  }
}

/// When a source was last known to have nothing outside the log. At the beginning: now, since nothing was promised before.
final class LastComplete: Sendable {
  let instant = Mutex(ContinuousClock.now)
}
