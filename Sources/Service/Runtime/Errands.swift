package import Changes
import Config
package import Log
package import Logging
package import Replay
import Telemetry
package import Verify

/// Has work done by the service that writes the log, or does it in this process where none runs: the same requests, carried
/// out by the same loop and replayed by the same loop.
package struct Errands: Sendable {
  /// How often the service is looked at.
  private static let look = Duration.milliseconds(50)

  package let log: ChangeLog
  private let assembly: Assembly
  /// Nil: a service runs.
  private let own: RequestLoop?

  /// Runs `body` with a log that is open the right way. Where no service runs, the lease is held and `links` are replayed
  /// until `body` returns: what waits in the log for them goes first, as always.
  /// - Throws: `LogError.inUse` if a service starts at the same moment.
  package static func run<Result: Sendable>(
    _ assembly: Assembly, _ links: [Link], logger: Logger, _ body: (Errands) async throws -> Result
  ) async throws -> Result {
    let reader = try await ChangeLog(path: assembly.configuration.log, access: .reader)
    guard reader.holder == nil else { return try await body(Errands(log: reader, assembly: assembly, own: nil)) }
    let log = try await ChangeLog(path: assembly.configuration.log, access: .writer)
    try await log.requireRunning(links.map(\.name))
    let subjects = links.map { RequestLoop.Subject($0, directions: assembly.directions(of: $0.name)) {} }
    let own = RequestLoop(subjects, log: log, logger: logger)
    let telemetry = Telemetry(version: tidemarkVersion)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      for link in links {
        let locks = RecordLocks()
        for direction in assembly.directions(of: link.name) {
          group.addTask {
            try await ReplayLoop(link, direction, log: log, locks: locks, telemetry: telemetry, logger: logger).run()
          }
        }
      }
      defer { group.cancelAll() }
      return try await body(Errands(log: log, assembly: assembly, own: own))
    }
  }

  /// Whether a service does the work.
  package var isServed: Bool { own == nil }

  /// Carries out one piece of work to its end.
  /// - Parameters:
  ///   - patience: how long to wait while nothing moves on.
  ///   - report: sees how far it is, now and then.
  /// - Returns: how it ended, and whether all it put into the log was replayed (or set aside) by then.
  /// - Throws: `Failure` if it failed.
  package func carryOut(
    _ work: ControlRequest.Work, of link: Link, patience: Duration, report: (ControlRequest) -> Void = { _ in }
  ) async throws -> (request: ControlRequest, isReplayed: Bool) {
    let asked = try await log.ask(work, of: link.name)
    // Our own loop fills the log while the lanes empty it, as the service's does.
    async let carried: Void = carryOutHere(asked)
    var last = asked
    var marks: [LogSequence] = []
    var moved = ContinuousClock.now
    var isReplayed = false
    while ContinuousClock.now - moved < patience {
      guard let now = try await log.request(asked.id) else { break }
      if now.state == .failed { throw Failure(code: "request.failed", message: now.message ?? "\(work.kind) failed") }
      var reached: [LogSequence] = []
      for direction in assembly.directions(of: link.name) {
        reached.append(try await log.replayWatermark(of: link.name, direction))
      }
      if now != last || reached != marks { moved = .now }
      (last, marks) = (now, reached)
      report(now)
      isReplayed = try await hasReplayed(now, link)
      if isReplayed { break }
      try await Task.sleep(for: Self.look)
    }
    await carried
    return (last, isReplayed)
  }

  private func carryOutHere(_ request: ControlRequest) async { await own?.carryOut(request) }

  private func hasReplayed(_ request: ControlRequest, _ link: Link) async throws -> Bool {
    guard request.state == .done else { return false }
    for direction in assembly.directions(of: link.name) {
      let endpoint = link[direction.source].name
      let figures = try await log.figures(of: link.name, direction, endpoint: endpoint)
      guard figures.watermark >= request.last || figures.pending == 0 else { return false }
    }
    return true
  }

  /// Nil where nothing captures.
  package func witness(of link: Link) -> CaptureWitness? {
    isServed ? Self.serviceWitness(of: link, log) : nil
  }

  /// Asks the running service.
  package static func serviceWitness(of link: Link, _ log: ChangeLog) -> CaptureWitness? {
    guard log.holder != nil else { return nil }
    return { deadline in
      let asked = try await log.ask(.capture, of: link.name)
      while true {
        if let state = try await log.request(asked.id)?.state, state != .requested { return state == .done }
        guard ContinuousClock.now < deadline else { return false }
        try await Task.sleep(for: Self.look)
      }
    }
  }
}

extension ChangeLog {
  private static let look = Duration.milliseconds(50)

  /// - Throws: `Failure` if one of the links is paused: whoever paused it does not want its changes delivered.
  func requireRunning(_ links: [LinkName]) async throws {
    guard let paused = try await pausedLinks().first(where: { links.contains($0.link) }) else { return }
    throw Failure(
      code: "link.paused", message: "link \(paused.link) is paused; `tidemark resume \(paused.link)` first")
  }

  /// Asks something of the running service and waits for its answer.
  /// - Throws: `Failure`: what the service says, or that it does not answer in time.
  package func answer(
    to work: ControlRequest.Work, of link: LinkName, patience: Duration
  ) async throws -> ControlRequest {
    let asked = try await ask(work, of: link)
    let deadline = ContinuousClock.now + patience
    while ContinuousClock.now < deadline {
      if let now = try await request(asked.id), now.state != .requested {
        guard now.state == .done else {
          throw Failure(code: "request.failed", message: now.message ?? "\(work.kind) failed")
        }
        return now
      }
      try await Task.sleep(for: Self.look)
    }
    throw Failure(
      code: "request.unanswered",
      message: "the service (\(holder ?? "none runs")) has not answered yet; it does what was asked when it can")
  }
}
