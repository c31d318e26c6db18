import Changes
import Postgres
import Synchronization

/// One stream of a slot and what was gathered from it. The gathering happens on the connection's own thread; one caller
/// at a time asks for it.
final class WALReader: Sendable {
  /// What others leave for the thread to pick up; never held for long.
  private struct Inbox {
    var confirmed: LSN?
    /// A place asked for, and when: once the server has nothing more before it, all committed by then was read.
    var horizon: (place: LSN, at: ContinuousClock.Instant)?
  }

  /// What the thread works on; the caller touches it only between two turns.
  private struct Work {
    var assembler: WALAssembler
    var horizon: (place: LSN, at: ContinuousClock.Instant)?
    var completeAsOf: ContinuousClock.Instant?
    /// How many changes the last turn brought.
    var lastCount = 0
    /// Gathers for the next turn while the caller is busy with the last one.
    var ahead: Task<Void, any Error>?
  }

  private let connection: ReplicationConnection
  private let inbox = Mutex(Inbox())
  private let work: Mutex<Work>

  /// How long the thread sleeps in one go where nothing comes: so soon it notices a confirmation or a shutdown.
  private static let slice = Duration.milliseconds(50)
  /// A stream that brings much is read in larger portions: each commit of the log then takes more changes. Where little
  /// comes nothing waits.
  private static let portion = Duration.milliseconds(10)
  /// Changes of the last turn from which on much is expected. One read brings 16 KB, which is 60 rows of 250 bytes: a
  /// bound above that is never reached.
  private static let busy = 16
  /// Changes of the last turn that only a backlog brings: the next one is gathered before it is asked for, and longer.
  private static let much = 500
  private static let largePortion = Duration.milliseconds(40)

  /// What came out of one turn.
  struct Turn: Sendable {
    var changes: [Change]
    var doubts: [WALDoubt]
    /// Of the changes.
    var transactions: [UInt32]
    var place: WALPlace
    var completeAsOf: ContinuousClock.Instant?
    var unknown: RelationMessage?
  }

  /// - Throws: `PostgresError`; state 55006 where another session reads the slot.
  init(url: String, setup: String, slot: String, from place: WALPlace) async throws {
    connection = try await ReplicationConnection(
      url: url, setup: setup, slot: slot, publication: WALSlot.publication, from: place.through)
    work = Mutex(Work(assembler: WALAssembler(from: place)))
  }

  /// Gathers until there is something to hand out, a table has to be learned, or `deadline`.
  func turn(until deadline: ContinuousClock.Instant) async throws -> Turn {
    while true {
      try Task.checkCancellation()
      if let ahead = work.withLock({ work in
        defer { work.ahead = nil }
        return work.ahead
      }) {
        try await ahead.value
      } else {
        try await gather(until: deadline)
      }
      if let turn = takeOut(isLate: deadline <= .now) { return turn }
    }
  }

  private func gather(until deadline: ContinuousClock.Instant) async throws {
    try await connection.run { stream in try self.gather(stream, until: min(deadline, .now + Self.slice)) }
  }

  /// The walsender stands still soon after nobody reads what it sends: where much comes, reading goes on while the caller
  /// looks at the last turn. The task ends within a slice, and there is one at most.
  private func goOn(_ work: inout Work) {
    guard work.lastCount >= Self.much, work.assembler.unknown == nil else { return }
    work.ahead = Task { try await self.gather(until: .now + Self.largePortion) }
  }

  func learn(_ relation: WALRelation) { work.withLock { $0.assembler.learn(relation) } }

  /// The server may forget what lies before `place`. It is told at the thread's next turn.
  func confirm(_ place: LSN) { inbox.withLock { $0.confirmed = max($0.confirmed ?? .zero, place) } }

  /// Everything committed by `instant` was written before `place`.
  func expect(_ place: LSN, at instant: ContinuousClock.Instant) { inbox.withLock { $0.horizon = (place, instant) } }

  private func takeOut(isLate: Bool) -> Turn? {
    work.withLock { work in
      let isDue = !work.assembler.changes.isEmpty || work.assembler.unknown != nil || work.completeAsOf != nil
      guard isDue || isLate else { return nil }
      let gathered = work.assembler.takeOut()
      work.lastCount = gathered.changes.count
      defer {
        work.completeAsOf = nil
        goOn(&work)
      }
      return Turn(
        changes: gathered.changes, doubts: gathered.doubts, transactions: gathered.transactions,
        place: work.assembler.place, completeAsOf: work.completeAsOf, unknown: work.assembler.unknown)
    }
  }

  // MARK: - On the connection's thread

  private func gather(_ stream: ReplicationStream, until end: ContinuousClock.Instant) throws {
    let inbox = inbox.withLock { inbox in
      defer { inbox = Inbox() }
      return inbox
    }
    if let place = inbox.confirmed { try stream.confirm(place) }
    if inbox.horizon != nil { try stream.askWhereServerIs() }
    try work.withLock { work in
      work.horizon = inbox.horizon ?? work.horizon
      let isBusy = work.lastCount >= Self.busy
      let portion = work.lastCount >= Self.much ? Self.largePortion : Self.portion
      var until = end
      while !work.assembler.isFull, work.assembler.unknown == nil, work.completeAsOf == nil, until > .now {
        let isFirst = work.assembler.changes.isEmpty
        let arrived = try stream.receive(patience: until - .now) { place, message in
          try work.assembler.take(message, at: place)
        }
        work.assembler.reach(stream.serverEnd)
        Self.lookAtHorizon(&work)
        if work.assembler.changes.isEmpty { continue }
        if isFirst { until = min(until, .now + portion) }
        // What lies in the socket already costs no wait.
        guard stream.isReadable || (arrived && isBusy) else { return }
      }
    }
  }

  private static func lookAtHorizon(_ work: inout Work) {
    guard let horizon = work.horizon, !work.assembler.isInsideTransaction,
      work.assembler.place.through >= horizon.place
    else { return }
    work.completeAsOf = horizon.at
    work.horizon = nil
  }
}
