package import Changes
package import Config
import Glibc
package import Log
package import Server
package import Telemetry

/// Tells how everything stands, from the log alone; with the telemetry of a running service also why it stands still.
package struct StatusReporter: Sendable {
  /// How many conflicts and dead letters a report lists.
  private static let recent = 20
  /// What is old enough to go may stay this long until it is looked for, in seconds.
  private static let trimDelay = 120.0

  private let configuration: Configuration
  private let polled: [EndpointName]
  private let log: ChangeLog
  private let telemetry: Telemetry?
  private let board: VitalsBoard
  private let trends: TrendBoard
  private let started: ContinuousClock.Instant

  /// - Parameters:
  ///   - polled: the captured tables that are sources of their own.
  ///   - telemetry: nil when the report is made beside the service, or without one.
  package init(_ configuration: Configuration, polled: [EndpointName], log: ChangeLog, telemetry: Telemetry?) {
    self.init(
      configuration, polled: polled, log: log, telemetry: telemetry, board: VitalsBoard(), trends: TrendBoard(),
      started: .now)
  }

  init(
    _ configuration: Configuration, polled: [EndpointName], log: ChangeLog, telemetry: Telemetry?, board: VitalsBoard,
    trends: TrendBoard, started: ContinuousClock.Instant
  ) {
    self.configuration = configuration
    self.polled = polled
    self.log = log
    self.telemetry = telemetry
    self.board = board
    self.trends = trends
    self.started = started
  }

  package func report() async throws -> StatusReport {
    let now = Timestamp.now
    let stalls = telemetry?.stalls ?? []
    let figures = try await log.figures()
    var report = StatusReport(
      state: telemetry == nil ? .stopped : .running, generatedAt: now, service: service(),
      log: .init(path: log.path, bytes: figures.bytes, first: figures.first, last: figures.last))
    report.log.hold = try await hold(now)
    report.sources = try await sources(stalls)
    let paused = try await log.pausedLinks()
    for link in configuration.links {
      var shown = try await self.link(link, stalls, now)
      if let pause = paused.first(where: { $0.link == link.name }) {
        shown.paused = .init(at: pause.pausedAt, reason: pause.reason)
        if telemetry != nil { shown.state = .paused }
      }
      report.links.append(shown)
    }
    report.backfills = try await log.backfills().filter { $0.isWorthShowing(at: now) }.map { backfill in
      StatusReport.Backfill(backfill, configuration)
    }
    report.conflicts = try await log.conflicts(openOnly: false, limit: Self.recent).map(Self.conflict)
    report.deadLetters = try await log.deadLetters(limit: Self.recent).map(Self.deadLetter)
    if telemetry != nil {
      if report.links.contains(where: { $0.paused != nil }) { report.state = .paused }
      if !report.standstills.isEmpty { report.state = .stalled }
    }
    return report
  }

  /// Why the log is longer than it is configured to be; looked for only when it is.
  private func hold(_ now: Timestamp) async throws -> String? {
    let retention = configuration.retention
    let oldest = try await log.oldest() ?? now
    let isOld = now.seconds(since: oldest) > retention.keep / .seconds(1) + Self.trimDelay
    let bytes = try await log.bytesInUse()
    guard isOld || retention.maxBytes.map({ bytes > $0 }) ?? false else { return nil }
    return try await log.hold(of: configuration.logReaders)?.description
  }

  private func service() -> StatusReport.Service {
    StatusReport.Service(
      isRunning: telemetry != nil, processID: telemetry == nil ? nil : Int64(getpid()), version: tidemarkVersion,
      uptime: telemetry == nil ? nil : ContinuousClock.now - started)
  }

  private func sources(_ stalls: [Stall]) async throws -> [StatusReport.Source] {
    var sources: [StatusReport.Source] = []
    let databases = configuration.databases.map(\.name).filter { database in
      configuration.capturedTables(of: database).contains {
        !polled.contains(EndpointName(system: database, name: $0))
      }
    }
    for (name, kind) in (databases + polled.map(\.description)).map({ ($0, StatusReport.Source.Kind.database) })
      + configuration.pulledObjects.map({ ("\($0)", .connector) }).sorted(by: { $0.0 < $1.0 })
    {
      let stall = stalls.first { $0.stage == .capture && $0.name == name }
      var source = StatusReport.Source(
        name: name, kind: kind, state: stall != nil ? .stalled : telemetry == nil ? .stopped : .running)
      source.stalled = stall.map(Self.standstill)
      if let telemetry {
        source.captureLagSeconds = telemetry.captureLag(source: name).value
        if let vitals = board[name] {
          source.outboxChanges = vitals.outboxChanges
          source.retainedBytes = vitals.retainedBytes
          source.safeBytes = vitals.safeBytes
          source.fullInSeconds = vitals.fullIn.map { $0 / .seconds(1) }
          source.oldestTransactionSeconds = vitals.oldestTransaction.map { $0.age / .seconds(1) } ?? 0
          source.oldestTransactionHolder = vitals.oldestTransaction?.holder
        }
      }
      let figures = try await log.figures(of: SourceName(name))
      source.watermark = figures?.watermark.description
      source.capturedTotal = figures?.changes ?? 0
      sources.append(source)
    }
    return sources
  }

  private func link(_ link: LinkSettings, _ stalls: [Stall], _ now: Timestamp) async throws -> StatusReport.Link {
    var report = StatusReport.Link(
      name: link.name.description, local: link.table.description, remote: link.object.description,
      direction: link.direction.rawValue,
      state: telemetry == nil ? .stopped : .running)
    for direction in link.direction.directions {
      let stall = stalls.first { $0.stage != .capture && $0.name == "\(link.name) \(direction)" }
      if stall != nil { report.state = .stalled }
      let endpoint = direction == .push ? link.table : link.object
      let figures = try await log.figures(of: link.name, direction, endpoint: endpoint)
      var way = StatusReport.Way(
        pendingChanges: figures.pending + figures.waiting, replayLagSeconds: figures.lag(at: now),
        deliveredTotal: figures.delivered,
        mergedTotal: figures.endings[.merged] ?? 0, watermark: figures.watermark, waiting: figures.waiting,
        stalled: stall.map(Self.standstill))
      way.trend = trends.trend(link.name, direction)
      if direction == .push { report.push = way } else { report.pull = way }
      report.deadLetters += figures.deadLetters
    }
    report.verified = try await log.verification(of: link.name).map { figures in
      StatusReport.Verified(
        at: figures.endedAt, compared: figures.compared, differences: figures.differences, inFlight: figures.inFlight)
    }
    (report.conflictsOpen, report.conflictsTotal) = try await log.openConflicts(of: link.name)
    return report
  }

  private static func standstill(_ stall: Stall) -> StatusReport.Standstill {
    StatusReport.Standstill(
      stage: stall.stage.rawValue, reason: stall.reason.rawValue, advice: stall.reason.advice, detail: stall.detail,
      since: Timestamp(microseconds: stall.sinceMicroseconds))
  }

  private static func conflict(_ conflict: ConflictRecord) -> StatusReport.Conflict {
    return StatusReport.Conflict(
      id: conflict.id, link: conflict.link.description,
      key: conflict.keyText,
      fields: conflict.field.map { [$0] } ?? [],
      resolution: conflict.outcome.map { "\($0), policy \(conflict.policyName)" } ?? "open", at: conflict.metAt)
  }

  private static func deadLetter(_ letter: DeadLetter) -> StatusReport.DeadLetter {
    StatusReport.DeadLetter(
      id: letter.id, link: letter.link.description, direction: letter.direction.description,
      key: letter.keyText, reason: letter.failure.description,
      at: letter.diedAt)
  }
}
