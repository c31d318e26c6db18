package import Changes
package import Config
package import Log
import Logging
import Replay
import ServiceLifecycle
import Telemetry

/// What has to be done now and then: figures for the metrics, a look at the databases, and the log's retention.
struct Upkeep: Service {
  private static let figuresEvery = Duration.seconds(1)
  private static let vitalsEvery = 5
  private static let retentionEvery = 60

  private let assembly: Assembly
  private let log: ChangeLog
  private let telemetry: Telemetry
  private let board: VitalsBoard
  private let trends: TrendBoard
  private let logger: Logger

  init(
    _ assembly: Assembly, log: ChangeLog, telemetry: Telemetry, board: VitalsBoard, trends: TrendBoard, logger: Logger
  ) {
    self.assembly = assembly
    self.log = log
    self.telemetry = telemetry
    self.board = board
    self.trends = trends
    self.logger = logger
  }

  func run() async throws {
    var round = 0
    var pace = FillPace()
    var hold: LogHold?
    while !Task.isCancelled, !Task.isShuttingDownGracefully {
      do {
        try await publishFigures()
        if round % Self.vitalsEvery == 0 { await publishVitals(&pace) }
        // A database that cannot be reached is told of by its capture.
        if round % Self.vitalsEvery == 0 { try? await assembly.rereadWhatWasLeftOut(log) }
        if round % Self.retentionEvery == 0 { hold = try await trim(told: hold) }
      } catch {
        logger.warning("the figures could not be read: \(error)")
      }
      round += 1
      try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.figuresEvery) }
    }
  }

  private func publishFigures() async throws {
    let paused = Set(try await log.pausedLinks().map(\.link))
    for link in assembly.links {
      var dead: Int64 = 0
      var waiting: Int64 = 0
      for direction in assembly.directions(of: link.name) {
        let figures = try await log.figures(of: link.name, direction, endpoint: link[direction.source].name)
        telemetry.pendingChanges(link: link.name, direction: direction).set(Double(figures.pending + figures.waiting))
        telemetry.replayLag(link: link.name, direction: direction).set(figures.lag(at: .now))
        trends.note(link.name, direction, lag: figures.lag(at: .now), delivered: figures.delivered)
        dead += figures.deadLetters
        waiting += figures.waiting
      }
      telemetry.paused(link: link.name).set(paused.contains(link.name) ? 1 : 0)
      telemetry.deadLetters(link: link.name).set(Double(dead))
      telemetry.waitingChanges(link: link.name).set(Double(waiting))
    }
  }

  private func publishVitals(_ pace: inout FillPace) async {
    for (name, database) in assembly.databases {
      guard var vitals = try? await database.vitals() else { continue }
      vitals.fullIn = pace.fullIn(name, vitals, at: .now)
      if telemetry.stalls.contains(where: { $0.stage == .capture && $0.name == name }) {
        let standstill = Duration.seconds(telemetry.captureLag(source: SourceName(name)).value)
        if let age = assembly.configuration.databases.first(where: { $0.name == name })?.budget?.age {
          vitals.fullIn = min(vitals.fullIn ?? age, max(.zero, age - standstill))
        }
        await letGo(name, database, after: standstill)
      }
      telemetry.outboxChanges(database: name).set(Double(vitals.outboxChanges))
      telemetry.captureLagBytes(source: name).set(Double(vitals.retainedBytes))
      telemetry.oldestTransaction(database: name).set(vitals.oldestTransaction.map { $0.age / .seconds(1) } ?? 0)
      if let safe = vitals.safeBytes { telemetry.safeBytes(database: name).set(Double(safe)) }
      telemetry.timeToFull(database: name).set(vitals.fullIn.map { $0 / .seconds(1) } ?? .infinity)
      board[name] = vitals
    }
  }

  /// A database that keeps more than its budget for a capture that stands still gets its disk back: what is let go is read
  /// again later. One that is caught up with frees itself.
  private func letGo(_ name: String, _ database: any AttachedDatabase, after standstill: Duration) async {
    do {
      guard let bytes = try await database.letGo(after: standstill) else { return }
      logger.warning(
        "\(name) kept \(bytes) bytes for a capture that stands still, which is more, or longer, than its budget; let go"
      )
    } catch {
      logger.warning("\(name) keeps more than its budget, and it could not be let go: \(error)")
    }
  }

  /// Says once for each reason why the log cannot be made as short as it should be.
  /// - Returns: that reason.
  private func trim(told: LogHold?) async throws -> LogHold? {
    let retention = assembly.configuration.retention
    let trim = try await log.trim(
      olderThan: retention.keep, largerThan: retention.maxBytes, readers: assembly.configuration.logReaders)
    let bytes = try await log.bytesInUse()
    telemetry.logBytes().set(Double(bytes))
    if trim.removedBlocks > 0 { logger.info("removed \(trim.removedBlocks) settled blocks from the log") }
    if let hold = trim.hold, hold.link != told?.link || hold.direction != told?.direction {
      logger.warning("the log is kept longer than it is configured to be (\(bytes) bytes are in use): \(hold)")
    }
    return trim.hold
  }
}

extension Configuration {
  /// Who reads what from the log.
  package var logReaders: [LogReader] {
    links.flatMap { link in
      link.direction.directions.map { direction in
        LogReader(link: link.name, direction: direction, endpoint: direction == .push ? link.table : link.object)
      }
    }
  }
}

extension Assembly {
  package func directions(of link: LinkName) -> [Direction] {
    configuration.links.first { $0.name == link }?.direction.directions ?? []
  }
}

extension ReplayFigures {
  /// Writes to the target, those after a merge included.
  package var delivered: Int64 { (endings[.delivered] ?? 0) + (endings[.merged] ?? 0) }

  /// Age of the oldest change that its target has not acknowledged; 0 when there is none.
  package func lag(at now: Timestamp) -> Double { oldestCommit.map { max(0, now.seconds(since: $0)) } ?? 0 }
}
