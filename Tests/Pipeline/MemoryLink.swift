import Backfill
import Capture
import Changes
import JSON
import Log
import Logging
import Mapping
import Reconcile
import Replay
import ServiceLifecycle
import Support
import Telemetry
import Testing
import Verify

/// One link between two endpoints in memory, with everything between them real.
struct MemoryLink {
  let folder = ScratchFolder()
  let local = MemoryEndpoint(EndpointName(system: "shop", name: "customers"), makesKeys: false)
  let remote = MemoryEndpoint(EndpointName(system: "crm", name: "contacts"), makesKeys: true)
  let log: ChangeLog
  let link: Link
  let progress = CaptureProgress()

  init(
    target: (any ChangeTarget)? = nil, policy: ConflictPolicy = ConflictPolicy(default: .side(.local)),
    isTwoWay: Bool = true, idColumn: String? = nil, guards: [Direction: GuardSettings] = [:]
  )
    async throws
  {
    log = try await ChangeLog(path: folder.file("log.db"), access: .writer)
    link = Link(
      name: LinkName("customers"),
      local: .init(name: EndpointName(system: "shop", name: "customers"), target: local),
      remote: .init(name: EndpointName(system: "crm", name: "contacts"), target: target ?? remote),
      mapping: FieldMapping([
        MappedField(local: "name", remote: "full_name"), MappedField(local: "email", remote: "email"),
        MappedField(local: "limit", remote: "terms.limit", conversion: .decimal),
      ]),
      match: ["email"], policy: policy, isTwoWay: isTwoWay, idColumn: idColumn, guards: guards)
  }

  func faulty(_ target: any ChangeTarget) -> Link {
    Link(
      name: link.name, local: link.local, remote: .init(name: link.remote.name, target: target), mapping: link.mapping,
      match: link.match, policy: link.policy, isTwoWay: link.isTwoWay, idColumn: link.idColumn,
      guards: link.guards)
  }

  /// Runs the pipeline while `body` runs, and until it is quiet afterwards.
  /// - Parameter directions: those that run; of the others nothing is captured.
  func running(
    _ link: Link? = nil, _ directions: [Direction] = Direction.allCases,
    _ body: @escaping @Sendable () async throws -> Void
  ) async throws {
    let link = link ?? self.link
    let telemetry = Telemetry(version: "test")
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let locks = RecordLocks()
    var retry = RetryPolicy()
    retry.firstPause = .milliseconds(2)
    let (policy, quietLogger) = (retry, logger)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for source in directions.map({ $0.source == .local ? local : remote }) {
        group.addTask {
          try await CaptureLoop(source, into: log, telemetry: telemetry, logger: quietLogger, progress: progress) { _ in
          }
          .run()
        }
      }
      for direction in directions {
        group.addTask {
          try await ReplayLoop(
            link, direction, log: log, locks: locks, lanes: 4, retry: policy, telemetry: telemetry, logger: quietLogger
          ).run()
        }
      }
      group.addTask {
        let ends = [
          BackfillEnd(link: link.name, side: .local, endpoint: link.local.name, reader: local),
          BackfillEnd(link: link.name, side: .remote, endpoint: link.remote.name, reader: remote),
        ]
        try await BackfillLoop(ends, log: log, telemetry: telemetry, logger: quietLogger).run()
      }
      try await body()
      // Everything the endpoints hold by now is in the log before its figures say anything.
      _ = try await isCaptured(directions, before: .now + .seconds(120))
      try await quiesce(directions)
      group.cancelAll()
    }
  }

  /// Nothing is pending or waiting, nothing new arrives: looked at until it stays so.
  private func quiesce(_ directions: [Direction]) async throws {
    var stable = 0
    var last: [LogSequence] = []
    let deadline = ContinuousClock.now + .seconds(120)
    while stable < 3 {
      guard ContinuousClock.now < deadline else { throw Restless(report: try await restlessness()) }
      var isQuiet = true
      var marks = [try await log.figures().last]
      isQuiet = try await log.backfills(of: link.name).allSatisfy { !$0.state.isActive }
      for direction in directions {
        let figures = try await log.figures(of: link.name, direction, endpoint: link[direction.source].name)
        isQuiet = isQuiet && figures.pending == 0 && figures.waiting == 0
        marks.append(figures.watermark)
      }
      stable = isQuiet && marks == last ? stable + 1 : 0
      last = marks
      try await ContinuousClock().sleep(for: .milliseconds(20))
    }
  }

  /// What never came to rest, for the person who reads the failure.
  struct Restless: Error { let report: String }

  private func restlessness() async throws -> String {
    var lines: [String] = []
    for direction in Direction.allCases {
      let figures = try await log.figures(of: link.name, direction, endpoint: link[direction.source].name)
      lines.append("\(direction): \(figures)")
      for waiting in try await log.waiting(of: link.name, direction, limit: 5) { lines.append("  \(waiting)") }
    }
    return lines.joined(separator: "\n")
  }

  /// Of sides that are at rest.
  var differences: [Difference] {
    get async throws { try await verified(.everything, witness: nil).differences }
  }

  /// - Parameter witness: nil where the pipeline does not run.
  func verified(
    _ scope: Verification.Scope, witness: CaptureWitness?
  ) async throws -> (differences: [Difference], figures: VerificationFigures) {
    var differences: [Difference] = []
    let verification = Verification(link, directions: Direction.allCases, log: log, witness: witness, pageRows: 20)
    let figures = try await verification.run(scope, patience: .seconds(60)) { differences.append($0) }
    return (differences, figures)
  }

  /// Asks for some work and carries it out as the service does, up to its changes being in the log.
  func carryOut(_ work: ControlRequest.Work) async {
    do {
      let ended = try await ask(work)
      #expect(ended?.state == .done, "\(ended?.message ?? "it goes on")")
    } catch {
      Issue.record(error)
    }
  }

  /// - Returns: how the request ended.
  func ask(_ work: ControlRequest.Work) async throws -> ControlRequest? {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let loop = RequestLoop([.init(link, directions: Direction.allCases) {}], log: log, logger: logger)
    let request = try await log.ask(work, of: link.name)
    await loop.carryOut(request)
    return try await log.request(request.id)
  }

  /// Tells when what the endpoints held before the call is in the log, while the pipeline runs.
  var witness: CaptureWitness {
    { deadline in try await isCaptured(Direction.allCases, before: deadline) }
  }

  private func isCaptured(
    _ directions: [Direction], before deadline: ContinuousClock.Instant
  ) async throws -> Bool {
    let asked = ContinuousClock.now
    let sources = directions.map { $0.source == .local ? local.name : remote.name }
    while !progress.isComplete(sources, asOf: asked) {
      guard ContinuousClock.now < deadline else { return false }
      try await ContinuousClock().sleep(for: .milliseconds(2))
    }
    return true
  }
}
