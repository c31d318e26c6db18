package import Changes
package import Log
package import Logging
import ServiceLifecycle
package import Telemetry

/// An end of a link that a backfill can read.
package struct BackfillEnd: Sendable {
  package let link: LinkName
  package let side: Side
  package let endpoint: EndpointName
  package let reader: any RecordReader
  /// Links whose records this one refers to: where they are read too, they are read first.
  package let after: [LinkName]
  /// Where the end's changes are captured as they happen: whose capture lag is that of live changes.
  package let source: SourceName?

  package init(
    link: LinkName, side: Side, endpoint: EndpointName, reader: any RecordReader, after: [LinkName] = [],
    source: SourceName? = nil
  ) {
    self.link = link
    self.side = side
    self.endpoint = endpoint
    self.reader = reader
    self.after = after
    self.source = source
  }

  var direction: Direction { side == .local ? .push : .pull }
  /// As stalls name it.
  var place: String { "\(link) \(direction)" }
}

/// Reads ends into the log, chunk by chunk, beside live changes and without pausing them.
///
/// No lock and no watermark table: a chunk's low watermark is the end of the log before it was read, its high watermark
/// the transaction that appends it, and a row whose record changed in between gives way (see `ChangeLog.append`). What
/// changes later comes later in the log, and a change that was captured late is told by its stamp (see `Stamp`). So a
/// backfill never overwrites newer state (DESIGN, invariant 8). A chunk's rows and the place of the next one enter the log
/// in one transaction: whatever is killed, at most one chunk is read again.
package struct BackfillLoop: Service {
  /// How soon a request is noticed.
  private static let rest = Duration.milliseconds(250)
  /// An end that is down is asked no more often than this, after a while.
  private static let longestPause = Duration.seconds(15)

  private let ends: [BackfillEnd]
  private let log: ChangeLog
  private let only: Set<Int64>?
  private let telemetry: Telemetry
  private let logger: Logger

  /// - Parameter only: the backfills to carry out; nil: every one there is.
  package init(
    _ ends: [BackfillEnd], log: ChangeLog, only: Set<Int64>? = nil, telemetry: Telemetry, logger: Logger
  ) {
    self.ends = ends
    self.log = log
    self.only = only
    self.telemetry = telemetry
    self.logger = logger
  }

  /// Carries out what was requested, and what an earlier run left unfinished, until shutdown. Ends are read side by side:
  /// one that cannot be reached holds up no other.
  package func run() async throws {
    await withTaskGroup(of: Void.self) { group in
      for end in ends { group.addTask { await attend(end) } }
      // A service that ends takes the others with it, and there may be no link yet.
      if ends.isEmpty { group.addTask { try? await gracefulShutdown() } }
    }
  }

  private func attend(_ end: BackfillEnd) async {
    var pause = Self.rest
    while !Task.isCancelled, !Task.isShuttingDownGracefully {
      do {
        try await carryOut(end, isRetry: pause > Self.rest)
        telemetry.clear(.backfill, end.place)
        pause = Self.rest
      } catch is CancellationError {
        return
      } catch {
        report(error, end)
        pause = min(pause * 2, Self.longestPause)
      }
      let rest = pause
      try? await cancelWhenGracefulShutdown { try await Task.sleep(for: rest) }
    }
  }

  private func carryOut(_ end: BackfillEnd, isRetry: Bool) async throws {
    for backfill in try await active(of: end.link) where backfill.side == end.side {
      for link in end.after where try await !active(of: link).isEmpty { return }
      var run = BackfillRun(backfill, end, log: log, telemetry: telemetry, logger: logger)
      try await run.carryOut(isRetry: isRetry)
    }
  }

  private func active(of link: LinkName) async throws -> [Backfill] {
    try await log.backfills(of: link).filter { $0.state.isActive && only?.contains($0.id) ?? true }
  }

  private func report(_ error: any Error, _ end: BackfillEnd) {
    let reason = StallReason(failureCode: error.failure?.code)
    let isNew = telemetry.stall(.backfill, end.place, reason, detail: "\(error)")
    logger.log(
      level: isNew ? .warning : .debug,
      "backfill of \(end.endpoint) is interrupted and goes on by itself: \(error)")
  }
}
