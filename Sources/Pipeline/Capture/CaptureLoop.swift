package import Changes
package import Log
package import Logging
import ServiceLifecycle
package import Telemetry

/// Source → log: one loop for both directions.
///
/// The order of two lines is the promise (DESIGN, invariant 1): a batch is durable in the log before the source may
/// forget it. Whatever fails, the loop starts again from the watermark the log holds.
package struct CaptureLoop: Service {
  /// Moving the watermark without changes costs an fsync and saves only re-reading a little: not more often than this.
  private static let idleWatermark = Duration.seconds(10)
  private static let longestPause = Duration.seconds(15)

  let source: any ChangeSource
  private let log: ChangeLog
  let telemetry: Telemetry
  let logger: Logger
  let lastComplete = LastComplete()
  let progress: CaptureProgress
  private let heal: @Sendable (CaptureGap) async throws -> Void

  /// - Parameters:
  ///   - progress: learns up to when the source is in the log.
  ///   - heal: makes sure that what the gap hides is read again (by a backfill) before capture goes on.
  package init(
    _ source: any ChangeSource, into log: ChangeLog, telemetry: Telemetry, logger: Logger,
    progress: CaptureProgress = CaptureProgress(),
    heal: @escaping @Sendable (CaptureGap) async throws -> Void
  ) {
    self.source = source
    self.log = log
    self.telemetry = telemetry
    self.logger = logger
    self.progress = progress
    self.heal = heal
  }

  package func run() async throws {
    var pause = Duration.milliseconds(100)
    while !Task.isCancelled, !Task.isShuttingDownGracefully {
      do {
        try await capture { pause = .milliseconds(100) }
      } catch is CancellationError {
        return
      } catch let gap as CaptureGap {
        try await cross(gap)
      } catch {
        if Task.isCancelled || Task.isShuttingDownGracefully { return }
        report(error)
        let wait = pause
        try? await cancelWhenGracefulShutdown { try await Task.sleep(for: wait) }
        pause = min(pause * 2, Self.longestPause)
      }
    }
  }

  /// While a batch is being brought to the disk the source gathers the next one.
  private func capture(succeeded: () -> Void) async throws {
    let position = try await log.captureWatermark(of: source.name)
    var saved = (position, at: ContinuousClock.now)
    var batch = try await next(after: position)
    while !Task.isCancelled, !Task.isShuttingDownGracefully {
      let through = batch.through
      async let following = next(after: through)
      let isWorthAWrite = saved.0 == nil || saved.at.duration(to: .now) > Self.idleWatermark
      try await healWhatWasLetGo(batch)
      if !batch.changes.isEmpty || !batch.letGo.isEmpty || (through != saved.0 && isWorthAWrite) {
        try await log.append(batch, from: source.name)
        try await source.release(through: through)
        saved = (through, .now)
      }
      measure(batch)
      succeeded()
      batch = try await following
    }
  }

  /// Asked for before the watermark passes it, so that a crash between the two repeats the asking.
  private func healWhatWasLetGo(_ batch: ChangeBatch) async throws {
    guard !batch.letGo.isEmpty else { return }
    let names = batch.letGo.map(\.description).sorted().joined(separator: ", ")
    let gap = CaptureGap(
      source: source.name, reason: "the database has reached its budget and let changes of \(names) go",
      endpoints: batch.letGo, mayLackRecords: false, resume: batch.through)
    logger.warning("\(gap)")
    try await heal(gap)
  }

  private func next(after position: Position?) async throws -> ChangeBatch {
    try await cancelWhenGracefulShutdown { try await source.next(after: position) }
  }

  /// What was not seen is asked for first; only then does the watermark jump over it. While there is nowhere to go on,
  /// changes still go unseen: they are asked for when there is.
  private func cross(_ gap: CaptureGap) async throws {
    do {
      if let resume = gap.resume {
        logger.warning("\(gap)")
        try await heal(gap)
        try await log.cross(gap, to: resume)
      } else {
        report(gap)
        try await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(1)) }
      }
    } catch is CancellationError {
      return
    }
  }
}
