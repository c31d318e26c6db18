package import Changes
package import Log
package import Logging
import ServiceLifecycle

/// Carries out what commands ask for (`ControlRequest`), until shutdown. What was interrupted goes on at the next start.
package struct RequestLoop: Service {
  /// A link as requests name it.
  package struct Subject: Sendable {
    let link: Link
    let directions: [Direction]
    let gate: LinkGate
    /// Waits until everything committed at the link's ends before the call is in the log, or the call is cancelled.
    let capture: @Sendable () async throws -> Void

    package init(
      _ link: Link, directions: [Direction], gate: LinkGate = LinkGate(),
      capture: @escaping @Sendable () async throws -> Void
    ) {
      self.link = link
      self.directions = directions
      self.gate = gate
      self.capture = capture
    }
  }

  /// How soon a request is noticed. One look costs the log a tenth of a millisecond.
  private static let tick = Duration.milliseconds(200)
  /// Live changes go first: with more than this still to be replayed, the next part of a long request waits.
  private static let mostPending = 2_000

  private static let lettersAtOnce = 200

  private let subjects: [LinkName: Subject]
  private let log: ChangeLog
  private let logger: Logger
  private let reload: @Sendable (ControlRequest) async throws -> Void

  /// - Parameter reload: reads the configuration again; it ends the request itself, or throws why nothing comes of it.
  package init(
    _ subjects: [Subject], log: ChangeLog, logger: Logger,
    reload: @escaping @Sendable (ControlRequest) async throws -> Void = { _ in
      throw Failure(code: "reload.unserved", message: "only a running service reads its configuration again")
    }
  ) {
    self.subjects = Dictionary(subjects.map { ($0.link.name, $0) }) { first, _ in first }
    self.log = log
    self.logger = logger
    self.reload = reload
  }

  package func run() async throws {
    try await withThrowingDiscardingTaskGroup { group in
      var known: Set<Int64> = []
      while !Task.isCancelled, !Task.isShuttingDownGracefully {
        let open = (try? await log.openRequests()) ?? []
        known.formIntersection(open.map(\.id))
        for request in open where known.insert(request.id).inserted {
          group.addTask { await carryOut(request) }
        }
        try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.tick) }
      }
      group.cancelAll()
    }
  }

  /// Does not throw: what went wrong is told to whoever asked.
  package func carryOut(_ request: ControlRequest) async {
    do {
      if case .reload = request.work { return try await reload(request) }
      guard let subject = subjects[request.link] else {
        throw Failure(
          code: "link.unknown", message: "the service does not know a link \(request.link): `tidemark reload`")
      }
      switch request.work {
      case .capture:
        try await subject.capture()
        try await log.end(request)
      case .repair(let records, let prefer): try await repair(records, prefer, subject, request)
      case .replay(let direction, let after, let through, let key):
        let endpoint = subject.link[direction.source].name
        let order = ReplayOrder(endpoint: endpoint, through: through, key: key)
        try await replay(order, direction, after, subject, request)
      case .decide(let conflict, let decision):
        try await ConflictDesk(link: subject.link, directions: subject.directions, log: log)
          .decide(conflict, decision, for: request)
      case .undo(let conflict):
        try await ConflictDesk(link: subject.link, directions: subject.directions, log: log).undo(
          conflict, for: request)
      case .retry(let letters): try await retry(letters, subject, request)
      case .pause(let reason):
        try await log.pause(request.link, reason: reason)
        subject.gate.isOpen = false
        try await log.end(request)
        logger.notice("\(request.link) is paused\(reason.map { ": \($0)" } ?? "")")
      case .resume:
        try await log.resume(request.link)
        subject.gate.isOpen = true
        try await log.end(request)
        logger.notice("\(request.link) goes on")
      case .reload: break
      }
    } catch is CancellationError {
      return
    } catch {
      logger.warning("\(request.work.kind) \(request.id) of \(request.link) failed: \(error)")
      try? await log.end(request, failure: "\(error)")
    }
  }

  private func repair(
    _ records: [RecordPair], _ prefer: Side?, _ subject: Subject, _ request: ControlRequest
  ) async throws {
    for direction in subject.directions { try await waitForRoom(subject.link, direction) }
    let repair = RecordRepair(subject.link, directions: subject.directions)
    let changes = try await repair.changes(records, winner: try repair.winner(preferring: prefer))
    _ = try await log.append(changes, for: request, place: .start, state: .done)
    logger.notice("repair \(request.id) of \(request.link): \(changes.count) changes for \(records.count) records")
  }

  private func replay(
    _ order: ReplayOrder, _ direction: Direction, _ after: LogSequence, _ subject: Subject, _ request: ControlRequest
  ) async throws {
    var request = request
    while request.state == .requested {
      try await waitForRoom(subject.link, direction)
      let part = try await order.part(after: max(after, request.place), of: log)
      for damaged in part.damaged { logger.error("\(damaged)") }
      request = try await log.append(
        part.changes.map { ReplayOrder.again($0.change) }, for: request, place: part.next ?? order.through,
        state: part.next == nil ? .done : .requested)
    }
    logger.notice("replay \(request.id) of \(request.link) \(direction): \(request.changes) changes once more")
  }

  /// What the dead letters were travels once more, at the end of the log: in order with every later change of its record, and
  /// with what the record holds by then. A letter that is gone was retried or dropped by somebody else.
  private func retry(_ letters: [Int64], _ subject: Subject, _ request: ControlRequest) async throws {
    var request = request
    var rest = letters[...]
    while request.state == .requested {
      let part = Array(rest.prefix(Self.lettersAtOnce))
      rest = rest.dropFirst(part.count)
      // A few may go at once, however much is pending: somebody looks at them.
      if request.changes > 0 {
        for direction in subject.directions { try await waitForRoom(subject.link, direction) }
      }
      let found = try await log.deadLetters(
        matching: LetterFilter(ids: part, link: subject.link.name), limit: part.count
      ).reversed().filter { $0.logged != nil }
      request = try await log.append(
        found.compactMap { $0.logged.map { ReplayOrder.again($0.change) } }, for: request, place: .start,
        state: rest.isEmpty ? .done : .requested, of: found.map(\.id))
    }
    logger.notice("\(request.changes) dead letters of \(request.link) are tried again")
  }

  private func waitForRoom(_ link: Link, _ direction: Direction) async throws {
    while true {
      try Task.checkCancellation()
      let figures = try await log.figures(of: link.name, direction, endpoint: link[direction.source].name)
      guard figures.pending > Self.mostPending else { return }
      try await Task.sleep(for: Self.tick)
    }
  }
}
