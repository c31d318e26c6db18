import Changes
import Config
import Log
import Server
import ServiceLifecycle
import Synchronization
import Telemetry

/// Looks at backfills until they have ended and what they read is delivered.
final class BackfillWatch: Service {
  private static let every = Duration.milliseconds(200)

  private let ids: [Int64]
  private let configuration: Configuration
  private let log: ChangeLog
  private let telemetry: Telemetry?
  private let tell: @Sendable (BackfillNews) -> Void
  private let deadBefore: Int64
  private let last = Mutex<BackfillNews?>(nil)
  /// The end of the log once nothing was read any more: what is delivered up to there is all of it.
  private let mark = Mutex<LogSequence?>(nil)

  /// - Parameter telemetry: of this process, where it does the work.
  init(
    ids: [Int64], configuration: Configuration, log: ChangeLog, telemetry: Telemetry?,
    tell: @escaping @Sendable (BackfillNews) -> Void
  ) async throws {
    self.ids = ids
    self.configuration = configuration
    self.log = log
    self.telemetry = telemetry
    self.tell = tell
    deadBefore = try await Self.delivery(ids, configuration, log).dead
  }

  /// How everything ended; nil if somebody did not want to wait for it.
  var ending: BackfillNews? { last.withLock { $0 } }

  func run() async throws {
    while !Task.isCancelled, !Task.isShuttingDownGracefully {
      let news = try await look()
      tell(news)
      if news.isEnded { return last.withLock { $0 = news } }
      try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.every) }
    }
  }

  private func look() async throws -> BackfillNews {
    let backfills = try await log.backfills().filter { ids.contains($0.id) }
    let isRead = backfills.allSatisfy { !$0.state.isActive }
    if isRead, mark.withLock({ $0 }) == nil {
      let end = try await log.end()
      mark.withLock { $0 = end }
    }
    let delivery = try await Self.delivery(ids, configuration, log)
    var news = BackfillNews()
    news.backfills = backfills.map { StatusReport.Backfill($0, configuration) }
    news.undelivered = delivery.pending
    news.waiting = delivery.waiting
    news.deadLetters = max(0, delivery.dead - deadBefore)
    news.standstills = (telemetry?.stalls ?? []).map { "\($0.name): \($0.detail ?? $0.reason.rawValue)" }
    let isLogOnly = backfills.allSatisfy { $0.options.isLogOnly }
    let isDelivered = mark.withLock { $0 }.map { delivery.pending == 0 || delivery.watermark >= $0 } ?? false
    news.isEnded = isRead && (isLogOnly || isDelivered)
    return news
  }

  /// Of the links and directions that the backfills feed.
  private static func delivery(
    _ ids: [Int64], _ configuration: Configuration, _ log: ChangeLog
  ) async throws -> (pending: Int64, waiting: Int64, dead: Int64, watermark: LogSequence) {
    var sum: (pending: Int64, waiting: Int64, dead: Int64, watermark: LogSequence) = (0, 0, 0, LogSequence(.max))
    for backfill in try await log.backfills() where ids.contains(backfill.id) {
      guard let link = configuration.links.first(where: { $0.name == backfill.link }) else { continue }
      let direction: Direction = backfill.side == .local ? .push : .pull
      let figures = try await log.figures(
        of: link.name, direction, endpoint: backfill.side == .local ? link.table : link.object)
      sum.pending += figures.pending
      sum.waiting += figures.waiting
      sum.dead += figures.deadLetters
      // A direction with nothing to settle is behind nobody.
      if figures.pending > 0 { sum.watermark = min(sum.watermark, figures.watermark) }
    }
    return sum
  }
}
