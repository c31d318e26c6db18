import Changes
import Logging
import Telemetry

extension CaptureLoop {
  /// A batch that is complete as of an instant leaves nothing committed before it outside the log.
  func measure(_ batch: ChangeBatch, _ now: ContinuousClock.Instant) {
    for change in batch.changes {
      telemetry.changes(endpoint: change.endpoint, operation: change.operation).increment()
    }
    guard batch.completeAsOf != nil || batch.changes.isEmpty else {
      let oldest = batch.changes.last?.committedAt ?? .now
      telemetry.captureLag(source: source.name).set(max(0, Timestamp.now.seconds(since: oldest)))
      return
    }
    telemetry.captureLag(source: source.name).set(0)
    if telemetry.clear(.capture, source.name) { logger.notice("capture of \(source.name) goes on") }
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
    let isNew = telemetry.stall(.capture, source.name, reason, detail: "\(error)")
    logger.log(level: isNew ? .warning : .debug, "capture of \(source.name) is interrupted: \(error)")
  }
}
