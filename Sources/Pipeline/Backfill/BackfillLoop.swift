package import Changes
import JSON
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

  package init(link: LinkName, side: Side, endpoint: EndpointName, reader: any RecordReader) {
    self.link = link
    self.side = side
    self.endpoint = endpoint
    self.reader = reader
  }

  var direction: Direction { side == .local ? .push : .pull }
  /// As stalls name it.
  var place: String { "\(link) \(direction)" }
}

/// Reads whole endpoints into the log, chunk by chunk, beside live changes and without pausing them.
///
/// No lock and no watermark table: each row carries the stamp its source had *before* the chunk was read. Where a newer
/// change of a record was seen, before or after, replay compares stamps and reads the record again instead of trusting
/// the row (see `Stamp`), so a backfill never overwrites newer state (DESIGN, invariant 8). A chunk's rows and the
/// place of the next chunk enter the log in one transaction: whatever is killed, at most one chunk is read again.
package struct BackfillLoop: Service {
  private static let chunkRows = 500
  /// Live changes go first: with more rows than this still to be replayed, the backfill rests.
  private static let mostPending = 2_000
  private static let rest = Duration.milliseconds(250)

  private let ends: [BackfillEnd]
  private let log: ChangeLog
  private let telemetry: Telemetry
  private let logger: Logger

  package init(_ ends: [BackfillEnd], log: ChangeLog, telemetry: Telemetry, logger: Logger) {
    self.ends = ends
    self.log = log
    self.telemetry = telemetry
    self.logger = logger
  }

  /// Carries out what was requested, and what an earlier run left unfinished, until shutdown.
  package func run() async throws {
    while !Task.isCancelled, !Task.isShuttingDownGracefully {
      for end in ends {
        do {
          try await carryOut(end)
          telemetry.clear(.backfill, end.place)
        } catch is CancellationError {
          return
        } catch {
          let failure = (error as? EndUnavailable)?.failure ?? error as? Failure
          let reason = StallReason(failureCode: failure?.code)
          let isNew = telemetry.stall(.backfill, end.place, reason, detail: "\(error)")
          logger.log(
            level: isNew ? .warning : .debug,
            "backfill of \(end.endpoint) is interrupted and goes on by itself: \(error)")
        }
      }
      try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.rest) }
    }
  }

  private func carryOut(_ end: BackfillEnd) async throws {
    for var backfill in try await log.backfills(of: end.link) where backfill.side == end.side && backfill.state != .done
    {
      let beginning = backfill.rows == 0 ? "starts" : "goes on after \(backfill.rows) rows"
      logger.notice("backfill \(backfill.id) of \(end.endpoint) \(beginning)")
      while backfill.state != .done {
        try await waitForRoom(end)
        backfill = try await readChunk(of: backfill, end)
      }
      logger.notice("backfill \(backfill.id) of \(end.endpoint) is done: \(backfill.rows) rows")
    }
  }

  private func readChunk(of backfill: Backfill, _ end: BackfillEnd) async throws -> Backfill {
    let chunk = try await end.reader.chunk(from: backfill.place, limit: Self.chunkRows)
    let reads = chunk.records.map { record in
      Change(
        .read, of: end.endpoint, key: record.key, row: record.fields.bytes, stamp: record.stamp,
        version: record.version, committedAt: .now)
    }
    try await log.append(reads, from: SourceName("backfill"), of: backfill, next: chunk.next)
    telemetry.backfillRows(link: end.link).increment(by: reads.count)
    var next = backfill
    next.place = chunk.next
    next.rows += Int64(reads.count)
    next.state = chunk.next == nil ? .done : .running
    return next
  }

  private func waitForRoom(_ end: BackfillEnd) async throws {
    while true {
      try Task.checkCancellation()
      if Task.isShuttingDownGracefully { throw CancellationError() }
      let figures = try await log.figures(of: end.link, end.direction, endpoint: end.endpoint)
      guard figures.pending > Self.mostPending else { return }
      try await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.rest) }
    }
  }
}
