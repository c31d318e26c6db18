import Backfill
import Changes
package import Log
package import Logging
import Mapping
import Replay
package import Server
import ServiceLifecycle
import Telemetry
import UnixSignals

/// How backfills stand, for somebody who waits for them.
package struct BackfillNews: Sendable {
  package var backfills: [StatusReport.Backfill] = []
  /// Changes in the log that are still to be delivered before everything that was read is.
  package var undelivered: Int64 = 0
  /// Of the links' changes, those that were set aside for now.
  package var waiting: Int64 = 0
  /// Changes that were given up since.
  package var deadLetters: Int64 = 0
  /// Why delivery stands still; known only where this process does the work.
  package var standstills: [String] = []
  /// Nothing is read any more, and what was is delivered.
  package var isEnded = false
}

extension BackfillDesk {
  /// Waits until backfills have ended and what they read is delivered. Where `log` is this process's to write, it does the
  /// work meanwhile: it reads, and replays the links in that direction. Capture is not needed for that.
  /// - Parameter tell: called a few times a second.
  /// - Returns: how they ended; nil if SIGINT or SIGTERM came first. What was read by then is in the log, and a later run
  ///   goes on there.
  package func finish(
    _ ids: [Int64], _ log: ChangeLog, isOurs: Bool, logger: Logger,
    tell: @escaping @Sendable (BackfillNews) -> Void
  ) async throws -> BackfillNews? {
    let telemetry = Telemetry(version: tidemarkVersion)
    let watch = try await BackfillWatch(
      ids: ids, configuration: configuration, log: log, telemetry: isOurs ? telemetry : nil, tell: tell)
    var services: [ServiceGroupConfiguration.ServiceConfiguration] = []
    if isOurs {
      services = try await work(ids, log, telemetry, logger).map { .init(service: $0) }
    }
    services.append(.init(service: watch, successTerminationBehavior: .gracefullyShutdownGroup))
    var group = ServiceGroupConfiguration(
      services: services, gracefulShutdownSignals: [.sigint, .sigterm], logger: logger)
    group.maximumGracefulShutdownDuration = .seconds(8)
    try await ServiceGroup(configuration: group).run()
    return watch.ending
  }

  private func work(
    _ ids: [Int64], _ log: ChangeLog, _ telemetry: Telemetry, _ logger: Logger
  ) async throws -> [any Service] {
    let wanted = try await log.backfills().filter { ids.contains($0.id) }
    try await log.requireRunning(wanted.map(\.link))
    let ends = assembly.backfillEnds.filter { end in
      wanted.contains { $0.link == end.link && $0.side == end.side }
    }
    let replays: [any Service] = assembly.links.flatMap { link in
      let locks = RecordLocks()
      return Side.allCases.filter { side in wanted.contains { $0.link == link.name && $0.side == side } }.map { side in
        ReplayLoop(
          link, side == .local ? .push : .pull, log: log, locks: locks, telemetry: telemetry, logger: logger)
      }
    }
    return replays + [BackfillLoop(ends, log: log, only: Set(ids), telemetry: telemetry, logger: logger)]
  }
}

extension Assembly {
  /// What backfills can read: both ends of every link.
  var backfillEnds: [BackfillEnd] {
    links.enumerated().flatMap { index, link in
      // A link that refers to a later one would wait for it, and that one may wait for this.
      let earlier = links[..<index].map(\.name)
      let parents = Set(link.mapping.fields.compactMap(\.reference)).filter(earlier.contains)
      return Side.allCases.map { side in
        BackfillEnd(
          link: link.name, side: side, endpoint: link[side].name, reader: link[side].target, after: parents.sorted(),
          source: side == .local && !polledTables.contains(link.local.name) ? SourceName(link.local.name.system) : nil)
      }
    }
  }
}
