import Backfill
import Capture
import Changes
import Config
import Connectors
package import Log
package import Logging
import Polling
import Replay
import Server
import ServiceLifecycle
package import Telemetry
import UnixSignals
import Verify

/// One generation of `tidemark run`: the loops of every source and link, the backfills and the figures, as one group.
package struct ReplicationService: Sendable {
  /// In-flight requests get this long to end; what they leave is taken up at the next start.
  static let longestShutdown = Duration.seconds(8)
  /// Whoever asks how far capture is has given up long before.
  private static let longestCapture = Duration.seconds(600)

  package let assembly: Assembly
  package let log: ChangeLog
  package let telemetry: Telemetry
  package let logger: Logger
  private let board = VitalsBoard()
  private let trends = TrendBoard()
  private let progress = CaptureProgress()
  private let gates: [LinkName: LinkGate]

  package init(_ assembly: Assembly, log: ChangeLog, telemetry: Telemetry, logger: Logger) {
    self.assembly = assembly
    self.log = log
    self.telemetry = telemetry
    self.logger = logger
    gates = Dictionary(assembly.links.map { ($0.name, LinkGate()) }) { first, _ in first }
  }

  /// What has to be in the log before the loops begin.
  func prepare() async throws {
    try await requestInitialBackfills()
    try await preparePolling()
    try await assembly.forgetLinksLeftOut(log)
    try await assembly.rereadWhatWasLeftOut(log)
    for paused in try await log.pausedLinks() { gates[paused.link]?.isOpen = false }
  }

  /// The loops, ready to run until they are shut down, or until one fails for good.
  /// - Parameter reload: what is done for somebody who asks for the configuration to be read again.
  func group(reload: @escaping @Sendable (ControlRequest) async throws -> Void) -> ServiceGroup {
    // A group stops in reverse: the sources first, then what they feed.
    let services = replays() + [backfills(), requests(reload), verifications()] + captures() + [upkeep()]
    var configuration = ServiceGroupConfiguration(
      services: services.map { .init(service: $0) }, gracefulShutdownSignals: [], logger: logger.forGroups)
    configuration.maximumGracefulShutdownDuration = Self.longestShutdown
    return ServiceGroup(configuration: configuration)
  }

  /// What both sides already hold when a link is new is brought together once.
  private func requestInitialBackfills() async throws {
    for link in assembly.configuration.links where link.direction != .pull {
      let known = try await log.backfills(of: link.name)
      if !known.contains(where: { $0.side == .local && $0.reason == Backfill.initial }) {
        try await log.requestBackfill(of: link.name, .local, reason: Backfill.initial)
      }
    }
  }

  /// A table that was captured in another way before has records whose deletion nobody saw. One that is not polled any
  /// more may have changed between its last round and its attachment.
  private func preparePolling() async throws {
    let (polled, compared) = (assembly.polledTables, assembly.comparedObjects)
    let known = Set((polled + compared).map { SourceName(of: $0) })
    for source in try await log.seenSources() where !known.contains(source) {
      for link in assembly.configuration.links where SourceName(of: link.table) == source && link.direction != .pull {
        try await log.requestBackfill(
          of: link.name, .local, reason: "\(source) is not polled any more", options: BackfillOptions(findsGone: true))
      }
      try await log.forgetRows(of: source)
    }
    for table in polled where try await log.captureWatermark(of: SourceName(of: table)) == nil {
      try await rememberRecords(of: table)
    }
    for object in compared where try await log.captureWatermark(of: SourceName(of: object)) == nil {
      try await rememberRecords(of: object)
    }
  }

  /// - Parameter end: a polled table, or an object whose changes are found by comparing.
  private func rememberRecords(of end: EndpointName) async throws {
    let links = assembly.configuration.links
    let (pushed, pulled) = (
      links.filter { $0.table == end && $0.direction != .pull },
      links.filter { $0.object == end && $0.direction != .push }
    )
    try await log.rememberRecords(of: pushed.map(\.name), .local, as: SourceName(of: end))
    try await log.rememberRecords(of: pulled.map(\.name), .remote, as: SourceName(of: end))
  }

  private func captures() -> [any Service] {
    let configuration = assembly.configuration
    let polled = assembly.polledTables
    let databases: [any ChangeSource] = configuration.databases.compactMap { database in
      let tables = configuration.capturedTables(of: database.name).map { EndpointName(system: database.name, name: $0) }
      return tables.allSatisfy(polled.contains) ? nil : assembly.databases[database.name]
    }
    let pollers: [any ChangeSource] = polled.compactMap { table in
      guard let database = assembly.databases[table.system], let settings = database.polling[table.name] else {
        return nil
      }
      return TablePoller(database.polledTable(table.name), settings, seen: log)
    }
    let objects: [any ChangeSource] = configuration.pulledObjects.compactMap { name in
      switch assembly.objects[name]?.changes {
      case .told(let source)?: source
      case .compared(let rows, let settings)?: TablePoller(rows, settings, seen: log)
      case nil: nil
      }
    }
    return (databases + pollers + objects).map { source in
      CaptureLoop(source, into: log, telemetry: telemetry, logger: logger, progress: progress) { gap in
        try await heal(gap)
      }
    }
  }

  /// What capture did not see is read again: every table of the source that a link pushes. What is compared as a whole
  /// is so anyway.
  private func heal(_ gap: CaptureGap) async throws {
    let compared = assembly.polledTables + assembly.comparedObjects
    if let end = compared.first(where: { SourceName(of: $0) == gap.source }) {
      return try await rememberRecords(of: end)
    }
    for link in assembly.configuration.links where link.table.system == gap.source.description {
      guard link.direction != .pull, gap.endpoints?.contains(link.table) ?? true else { continue }
      // One that an operator asked for may be of a part, and may be cancelled.
      let isAsked = try await log.backfills(of: link.name).contains {
        $0.side == .local && $0.state == .requested && $0.reason != Backfill.requested
      }
      guard !isAsked else { continue }
      try await log.requestBackfill(
        of: link.name, .local, reason: gap.reason, options: BackfillOptions(findsGone: !gap.mayLackRecords))
    }
  }

  private func replays() -> [any Service] {
    assembly.links.flatMap { link in
      let locks = RecordLocks()
      let directions = assembly.configuration.links.first { $0.name == link.name }?.direction.directions ?? []
      return directions.map { direction in
        ReplayLoop(
          link, direction, log: log, locks: locks, gate: gate(of: link.name), telemetry: telemetry, logger: logger)
      }
    }
  }

  private func backfills() -> any Service {
    BackfillLoop(assembly.backfillEnds, log: log, telemetry: telemetry, logger: logger)
  }

  private var watch: CaptureWatch { CaptureWatch(assembly: assembly, progress: progress) }

  private func gate(of link: LinkName) -> LinkGate { gates[link] ?? LinkGate() }

  private func requests(_ reload: @escaping @Sendable (ControlRequest) async throws -> Void) -> any Service {
    let watch = watch
    let subjects = assembly.links.map { link in
      RequestLoop.Subject(link, directions: assembly.directions(of: link.name), gate: gate(of: link.name)) {
        guard try await watch.isCaptured(link, before: .now + Self.longestCapture) else {
          throw Failure(code: "capture.behind", message: "capture of \(link.name) did not come so far in time")
        }
      }
    }
    return RequestLoop(subjects, log: log, logger: logger, reload: reload)
  }

  private func verifications() -> any Service {
    let schedules = assembly.links.compactMap { link -> VerificationLoop.Schedule? in
      guard let settings = assembly.configuration.links.first(where: { $0.name == link.name })?.verification else {
        return nil
      }
      let verification = Verification(
        link, directions: assembly.directions(of: link.name), log: log, witness: watch.witness(of: link))
      return VerificationLoop.Schedule(
        link: link.name, verification: verification, every: settings.schedule, sample: settings.sample)
    }
    return VerificationLoop(schedules, log: log, telemetry: telemetry, logger: logger)
  }

  private func upkeep() -> any Service {
    Upkeep(assembly, log: log, telemetry: telemetry, board: board, trends: trends, logger: logger)
  }

  /// How everything stands.
  /// - Parameter since: when the process started.
  func report(since started: ContinuousClock.Instant) async throws -> StatusReport {
    try await StatusReporter(
      assembly.configuration, polled: assembly.polledTables, log: log, telemetry: telemetry, board: board,
      trends: trends, started: started
    ).report()
  }

  /// A webhook is a hint: signed as it should be, it makes the connector's objects be listed at once.
  func judge(webhook name: String, headers: [(name: String, value: String)], body: [UInt8]) async -> WebhookAnswer {
    guard let connector = assembly.configuration.connectors.first(where: { $0.name == name }),
      let secret = connector.webhookSecret
    else { return .unknownConnector }
    let now = Timestamp.now.microseconds / 1_000_000
    switch verifyStandardWebhook(headers: headers, body: body, secret: secret.revealed(), now: now) {
    case .refused: return .refused
    case .accepted:
      for (endpoint, object) in assembly.objects where endpoint.system == name { object.wake() }
      return .queued
    }
  }
}
