package import Changes
import Crypto

/// A table whose changes are found by asking for them, as a source: what to ask next is decided by `PollState`, and what
/// is a change by the hash of what was told last.
///
/// The position holds how far it is, and the log what was told, both written with the batch they belong to. So it can stop
/// after any call and go on from there.
package actor TablePoller: ChangeSource {
  /// Rows asked for at once. Few enough for a short statement, many enough that the statement costs little of each row.
  private static let pageRows = 1_000
  private static let heartbeat = Duration.milliseconds(900)
  /// How long rows that are gone are believed to stay gone while nobody says that this is meant.
  private static let holding = Duration.seconds(300)

  package nonisolated let name: SourceName
  private let table: any PolledTable
  private let settings: PollSettings
  private let seen: any SeenRows
  /// The last batch's, which the log may be writing while the next batch is asked for.
  private var told: (through: Position, seen: [RecordKey: RowHash?])?
  /// When the walks that are known by their times began, if in this process.
  private var began: [Timestamp: ContinuousClock.Instant] = [:]
  /// When the next chunk of a sweep may be asked for: it rests as long as it works.
  private var sweepsAgain = ContinuousClock.now

  /// - Parameter seen: what the log holds of this source.
  package init(_ table: any PolledTable, _ settings: PollSettings, seen: any SeenRows) {
    name = SourceName(of: table.endpoint)
    self.table = table
    self.settings = settings
    self.seen = seen
  }

  /// See `ChangeSource.next`. A batch is complete when it ends a round, or without a cursor a sweep.
  package func next(after position: Position?) async throws -> ChangeBatch {
    let deadline = ContinuousClock.now + Self.heartbeat
    if told?.through != position { told = nil }
    let epoch = try await table.epoch()
    var state = try state(at: position, epoch)
    while true {
      let step = state.step(at: .now, settings)
      switch step {
      case .begin:
        let now = noteBeginning()
        state.begin(settings, highest: settings.cursor == nil ? nil : try await table.highest(), at: now)
      case .beginRound:
        let now = noteBeginning()
        state.beginRound(try await table.writers(), settings, at: now)
      case .held:
        try await ask(&state)
        return batch(state, epoch)
      case .page, .rows, .count, .keys:
        if try await restsFromSweep(step, until: deadline) { return batch(state, epoch) }
        return try await walk(step, state, epoch)
      case .rest(let rest):
        let left = deadline - .now
        try await Task.sleep(for: max(.zero, min(rest, left)))
        if table.takeWake() { state.owesSweep = true } else if left <= rest { return batch(state, epoch) }
      }
    }
  }

  private func noteBeginning() -> Timestamp {
    // A walk that was given up for an error leaves its beginning behind.
    if began.count > 8 { began = [:] }
    let now = Timestamp.now
    began[now] = .now
    return now
  }

  private func forgetBeginning(_ at: Timestamp) -> ContinuousClock.Instant? { began.removeValue(forKey: at) }

  /// Nothing has to be told to the table: nothing is kept there.
  package func release(through position: Position) async throws {}

  private func state(at position: Position?, _ epoch: String) throws(CaptureGap) -> PollState {
    guard let position else { return PollState() }
    let state = PollState(text: position.place)
    if let state, position.epoch == epoch { return state }
    let resume = PollState(sweptAt: state?.sweptAt)
    throw CaptureGap(
      source: name,
      reason: state == nil
        ? "the position is not one of polling; all rows are compared"
        : "the position is of another life of the database (\(position.epoch), now \(epoch)): it was restored, replaced or"
          + " failed over; all rows are compared",
      resume: Position(epoch: epoch, place: resume.text))
  }

  private func batch(
    _ state: PollState, _ epoch: String, _ found: Found = Found(), completeAsOf: ContinuousClock.Instant? = nil
  ) -> ChangeBatch {
    var batch = ChangeBatch(
      found.changes, through: Position(epoch: epoch, place: state.text), completeAsOf: completeAsOf)
    batch.seen = found.seen
    told = (batch.through, Dictionary(found.seen.map { ($0.key, $0.hash) }) { _, last in last })
    return batch
  }

  /// A sweep leaves the database half of its time.
  /// - Returns: whether it still rests at `deadline`.
  private func restsFromSweep(_ step: PollState.Step, until deadline: ContinuousClock.Instant) async throws -> Bool {
    if case .page = step { return false }
    try await Task.sleep(until: min(sweepsAgain, deadline))
    return sweepsAgain > deadline
  }

  /// Goes on if somebody has said that so many rows may be gone, looks again after a while, and else says what is asked.
  private func ask(_ state: inout PollState) async throws {
    guard let sweep = state.sweep else { return }
    if try await seen.mayTell(sweep.gone, goneOf: sweep.known, at: name) { return state.confirm() }
    let held = sweep.heldAt.map { Timestamp.now.seconds(since: $0) } ?? 0
    if held >= Self.holding / .seconds(1) { return state.sweepAgain(at: .now) }
    throw Failure(
      code: "poll.deletes",
      message: "\(table.endpoint): \(sweep.gone) of \(sweep.known) known rows are gone, more than"
        + " \(settings.mayBeGone(of: sweep.known)) at once are not believed: nothing was deleted at the other side."
        + " If this is meant, run `tidemark approve \(table.endpoint)`; rows that come back are noticed")
  }

  // MARK: - Walking

  private func walk(_ step: PollState.Step, _ state: PollState, _ epoch: String) async throws -> ChangeBatch {
    var state = state
    let start = ContinuousClock.now
    switch step {
    case .page(let mark):
      let at = state.round?.at
      let page = try await table.changed(after: mark, limit: Self.pageRows)
      let found = try await compare(page, isBeginning: false)
      state.read(round: page)
      return batch(state, epoch, found, completeAsOf: state.round == nil ? at.flatMap(forgetBeginning) : nil)
    case .rows(let key):
      let now = state.sweep == nil ? noteBeginning() : .now
      // A walk from the beginning may be one that began before: its version is that of what it is going to read.
      let version = key == nil ? try await table.version(since: state.version) : state.sweep?.version
      if key == nil, let version, version == state.version, state.sweptAt != nil, settings.cursor == nil {
        state.skipSweep(at: now)
        return batch(state, epoch, completeAsOf: forgetBeginning(now))
      }
      let page = try await table.rows(after: key, limit: Self.pageRows)
      try requireDistinct(page)
      let found = try await compare(page, isBeginning: state.sweptAt == nil)
      state.read(sweep: page, known: page.isLast ? try await seen.seenCount(of: name) : 0, settings, at: now)
      state.sweep?.version = version
      sweepsAgain = .now + (.now - start)
      return batch(state, epoch, found)
    case .keys(let key):
      let at = state.sweep?.at
      let keys = try await seen.seenKeys(of: name, after: key, limit: Self.pageRows)
      let found = try await deletes(among: keys)
      guard state.mayTell(found.changes.count, settings) else {
        // They went while the sweep read. How many there are is counted before any more is told.
        state.sweepAgain(at: .now)
        return batch(state, epoch)
      }
      state.checked(found.changes.count, through: keys.count < Self.pageRows ? nil : keys.last)
      if state.sweep == nil { try await seen.forgetQuestion(of: name) }
      sweepsAgain = .now + (.now - start)
      let beginning = state.sweep == nil ? at.flatMap(forgetBeginning) : nil
      return batch(state, epoch, found, completeAsOf: settings.cursor == nil ? beginning : nil)
    case .count(let key):
      let keys = try await seen.seenKeys(of: name, after: key, limit: Self.pageRows)
      let gone = try await deletes(among: keys).changes.count
      state.counted(gone, through: keys.count < Self.pageRows ? nil : keys.last, settings, at: .now)
      sweepsAgain = .now + (.now - start)
      return batch(state, epoch)
    case .begin, .beginRound, .held, .rest: return batch(state, epoch)
    }
  }

  private struct Found {
    var changes: [Change] = []
    var seen: [SeenRow] = []

    mutating func lose(_ key: RecordKey, of endpoint: EndpointName, _ stamp: Stamp, at moment: Timestamp) {
      changes.append(Change(.delete, of: endpoint, key: key, stamp: stamp, committedAt: moment))
      seen.append(SeenRow(key: key, hash: nil))
    }
  }

  /// What is not as it was told.
  /// - Parameter isBeginning: unknown rows were not inserted, they are what the table holds when it is first read.
  private func compare(_ page: PolledPage, isBeginning: Bool) async throws -> Found {
    var known = try await seen.seen(page.rows.map(\.key), of: name)
    for (key, hash) in told?.seen ?? [:] { known[key] = hash }
    var found = Found()
    for row in page.rows {
      let last = known[row.key]
      guard row.isTold else {
        if last != nil { found.lose(row.key, of: table.endpoint, page.stamp, at: page.readAt) }
        continue
      }
      let hash = RowHash(of: row.row)
      guard last != hash else { continue }
      let operation: Operation = last != nil ? .update : isBeginning ? .read : .insert
      found.changes.append(
        Change(
          operation, of: table.endpoint, key: row.key, row: row.row, stamp: page.stamp,
          version: row.version, committedAt: min(row.changedAt ?? page.readAt, page.readAt)))
      found.seen.append(SeenRow(key: row.key, hash: hash))
    }
    return found
  }

  private func deletes(among keys: [RecordKey]) async throws -> Found {
    guard !keys.isEmpty else { return Found() }
    let (gone, stamp, readAt) = try await table.gone(among: keys)
    var found = Found()
    for key in keys where gone.contains(key) && told?.seen[key] != .some(nil) {
      found.lose(key, of: table.endpoint, stamp, at: readAt)
    }
    return found
  }

  /// Two rows under one key would look like one that changes to and fro without end.
  private func requireDistinct(_ page: PolledPage) throws(Failure) {
    for (row, next) in zip(page.rows, page.rows.dropFirst()) where row.key == next.key {
      throw Failure(
        code: "poll.key",
        message: "\(table.endpoint): two rows have the same key: give columns that tell all rows apart (key: […])")
    }
  }
}

extension RowHash {
  /// The first half of the row's SHA-256.
  init(of row: [UInt8]) {
    let digest = SHA256.hash(data: row)
    self = RowHash(bytes: Array(digest.prefix(16))) ?? .unknown
  }
}
