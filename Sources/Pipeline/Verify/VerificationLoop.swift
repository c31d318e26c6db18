package import Changes
package import Log
package import Logging
import ServiceLifecycle
package import Telemetry

/// Compares links on their schedule, one after the other, until shutdown. The last time is kept in the log, so that a
/// restart neither repeats a comparison nor puts it off.
package struct VerificationLoop: Service {
  package struct Schedule: Sendable {
    let link: LinkName
    let verification: Verification
    let every: Changes.Schedule
    let sample: Int?

    package init(link: LinkName, verification: Verification, every: Changes.Schedule, sample: Int?) {
      self.link = link
      self.verification = verification
      self.every = every
      self.sample = sample
    }
  }

  private static let tick = Duration.seconds(1)
  /// How long changes on their way are waited for; what still is then is told as such.
  private static let patience = Duration.seconds(60)
  /// Differences that are told in the service's own log, by their keys.
  private static let mostTold = 10

  private let schedules: [Schedule]
  private let log: ChangeLog
  private let telemetry: Telemetry
  private let logger: Logger

  package init(_ schedules: [Schedule], log: ChangeLog, telemetry: Telemetry, logger: Logger) {
    self.schedules = schedules
    self.log = log
    self.telemetry = telemetry
    self.logger = logger
  }

  package func run() async throws {
    while !Task.isCancelled, !Task.isShuttingDownGracefully {
      for schedule in schedules {
        do {
          try await cancelWhenGracefulShutdown { try await turn(of: schedule) }
          telemetry.clear(.verify, schedule.link)
        } catch is CancellationError {
          return
        } catch {
          let isNew = telemetry.stall(
            .verify, schedule.link, StallReason(failureCode: error.failure?.code), detail: "\(error)")
          logger.log(level: isNew ? .warning : .debug, "verification of \(schedule.link) is interrupted: \(error)")
        }
      }
      try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.tick) }
    }
  }

  private func turn(of schedule: Schedule) async throws {
    // What a backfill has not read yet is missing at the other side for a good reason.
    let backfills = try await log.backfills(of: schedule.link)
    guard !backfills.contains(where: \.state.isActive) else { return }
    if let last = try await log.verification(of: schedule.link) {
      telemetry.verifiedDifferences(link: schedule.link).set(Double(last.differences))
      guard schedule.every.wait(since: last.endedAt) == .zero else { return }
    }
    var told = 0
    let scope = schedule.sample.map { Verification.Scope.sample($0) } ?? .everything
    let figures = try await schedule.verification.run(scope, patience: Self.patience) { difference in
      told += 1
      guard told <= Self.mostTold else { return }
      let keys = [difference.record.local, difference.record.remote].compactMap { $0?.description }
      logger.warning("\(schedule.link) \(keys.joined(separator: " / ")): \(difference.kind.rawValue)")
    }
    try await log.remember(figures, of: schedule.link)
    telemetry.verifiedDifferences(link: schedule.link).set(Double(figures.differences))
    let level: Logger.Level = figures.differences > 0 ? .warning : .notice
    logger.log(
      level: level,
      """
      verification of \(schedule.link): \(figures.compared) records compared, \(figures.differences) differ, \
      \(figures.inFlight) in flight
      """)
  }
}
