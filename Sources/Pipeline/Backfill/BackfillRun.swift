import Changes
import Log
import Logging
import ServiceLifecycle
import Telemetry

/// One backfill under way, from where it stands to its end, its pause, or what interrupts it.
struct BackfillRun {
  /// How often it looks whether there is room.
  private static let look = Duration.milliseconds(50)
  /// However far live changes are behind, a few rows are read after so long: their lag may have another cause.
  private static let longestRest = Duration.seconds(5)
  /// Waiting for delivery is the ordinary course of things; only so much of it is worth a word.
  private static let worthAWord = Duration.seconds(2)
  /// An object's records are read with a request each.
  private static let keysInChunk = 200

  let end: BackfillEnd
  let log: ChangeLog
  private let telemetry: Telemetry
  let logger: Logger
  var backfill: Backfill
  var pace: ChunkPace
  private var lag = LiveLag()
  /// What was waiting to be delivered when this was last looked at, with what was appended since.
  private var pending: (rows: Int64, at: ContinuousClock.Instant)?

  init(_ backfill: Backfill, _ end: BackfillEnd, log: ChangeLog, telemetry: Telemetry, logger: Logger) {
    self.backfill = backfill
    self.end = end
    self.log = log
    self.telemetry = telemetry
    self.logger = logger
    pace = ChunkPace(rowsPerSecond: backfill.options.rowsPerSecond, at: .now)
  }

  /// - Parameter isRetry: it was just interrupted, and that was told.
  /// - Throws: what interrupts it for now. What can never work as it was asked for ends it as failed.
  mutating func carryOut(isRetry: Bool) async throws {
    do {
      try await readAll(isRetry)
    } catch let failure as Failure where backfill.reason == Backfill.requested || failure.code.hasPrefix("backfill.") {
      logger.error("backfill \(backfill.id) of \(end.endpoint) failed: \(failure)")
      try await log.fail(backfill, failure)
      publish(secondsLeft: 0, remaining: 0)
    } catch  where !(error is CancellationError) {
      // Who watches the log, and not the service's own output, is told too.
      try? await log.note("interrupted, tried again: \(error)", of: backfill)
      throw error
    }
  }

  private mutating func readAll(_ isRetry: Bool) async throws {
    try await begin(isRetry)
    let isInParts = try await readParts()
    var ahead: Reading?
    while !isInParts, backfill.state.isActive {
      guard try await waitForRoom() else { return publish(secondsLeft: 0, remaining: 0) }
      let reading: Reading
      if let ahead { reading = ahead } else { reading = try await read(from: backfill.place) }
      ahead = nil
      let chunk = reading.chunk
      if let next = chunk.next, next == backfill.place {
        throw Failure(code: "backfill.place", message: "\(end.endpoint) gives the same rows again and again")
      }
      pace.took(reading.time, rows: chunk.rows.count, at: .now)
      let (backfill, log, endpoint, rate) = (backfill, log, end.endpoint, pace.rate ?? 0)
      let appended: Backfill?
      if let next = chunk.next, backfill.options.isLogOnly {
        // Nothing else is waited for: the next chunk is read while this one goes to disk.
        async let result = log.append(chunk, of: backfill, endpoint: endpoint, rate: rate)
        ahead = try await read(from: next)
        appended = try await result
      } else {
        appended = try await log.append(chunk, of: backfill, endpoint: endpoint, rate: rate)
      }
      guard let appended else { return publish(secondsLeft: 0, remaining: 0) }
      took(appended, rows: chunk.rows.count)
    }
    guard backfill.state == .done else { return }
    let gaveWay = backfill.gaveWay == 0 ? "" : ", \(backfill.gaveWay) of them gave way to changes"
    logger.notice("backfill \(backfill.id) of \(end.endpoint) is done: \(backfill.rows) rows\(gaveWay)")
  }

  /// A chunk is in the log.
  mutating func took(_ appended: Backfill, rows: Int) {
    pending?.rows += Int64(rows)
    backfill = appended
    telemetry.backfillRows(link: end.link).increment(by: rows)
    publish(secondsLeft: appended.secondsLeft, remaining: appended.remaining)
  }

  private mutating func begin(_ isRetry: Bool) async throws {
    // Who asked has looked. The others are read however large the end is, and whether anybody can tell or not.
    if backfill.total == nil, backfill.reason != Backfill.requested {
      backfill.total = try? await end.reader.rowCount(backfill.options.selection)
    }
    try await log.begin(backfill, total: backfill.total)
    let beginning = backfill.rows == 0 ? "starts" : "goes on after \(backfill.rows) rows"
    logger.log(level: isRetry ? .debug : .notice, "backfill \(backfill.id) of \(end.endpoint) \(beginning)")
  }

  /// No more than is delivered soon: a live change waits behind all of it.
  var limit: Int { backfill.options.isLogOnly ? pace.limit : min(pace.limit, Int(pace.room)) }

  /// A chunk, and how long its reading took.
  private struct Reading {
    let chunk: BackfillChunk
    let time: Duration
  }

  private func read(from place: Position?) async throws -> Reading {
    let low = try await log.end()
    let started = ContinuousClock.now
    let chunk = try await chunk(from: place, low)
    return Reading(chunk: chunk, time: ContinuousClock.now - started)
  }

  private func chunk(from place: Position?, _ low: LogSequence) async throws -> BackfillChunk {
    if let search = place.flatMap(GoneSearch.init) {
      return try await search.chunk(of: backfill, end, log, limit: min(limit, Self.keysInChunk), low)
    }
    guard backfill.options.hasKeys else {
      let chunk = try await end.reader.rows(backfill.options.selection, from: place, limit: limit)
      let next = chunk.next ?? (backfill.options.findsGone ? GoneSearch.beginning : nil)
      return BackfillChunk(chunk.rows, next: next, low: low)
    }
    let number = place.flatMap { Int64($0.place) } ?? 0
    let most = min(limit, Self.keysInChunk)
    let keys = try await log.backfillKeys(of: backfill.id, after: number, limit: most)
    let found = try await end.reader.records(keys).values
    let next = keys.count < most ? nil : Position(epoch: "keys", place: String(number + Int64(keys.count)))
    return BackfillChunk(found.map(ReadRow.init), next: next, missing: keys.count - found.count, low: low)
  }

  // MARK: - Giving way to live changes

  /// - Returns: false when somebody paused or cancelled the backfill.
  mutating func waitForRoom() async throws -> Bool {
    let began = ContinuousClock.now
    while true {
      if Task.isCancelled || Task.isShuttingDownGracefully { throw CancellationError() }
      guard let now = try await log.backfill(backfill.id), now.state.isActive else { return false }
      guard let obstacle = try await obstacle(after: ContinuousClock.now - began) else { break }
      if now.note != obstacle.note { try await log.note(obstacle.note, of: backfill) }
      try await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.look) }
    }
    let pause = pace.pause(at: .now)
    if pause > .zero { try await cancelWhenGracefulShutdown { try await Task.sleep(for: pause) } }
    return true
  }

  /// What stands in the way of the next chunk; nil: nothing.
  private mutating func obstacle(after rested: Duration) async throws -> (note: String?, Void)? {
    let waiting = try await log.pending(of: end.link, end.direction, endpoint: end.endpoint)
    let now = ContinuousClock.now
    if let pending, pending.rows > 0 { pace.delivered(pending.rows - waiting.changes, in: now - pending.at) }
    pending = (waiting.changes, now)
    let replayLag = waiting.oldestLive.map { max(0, Timestamp.now.seconds(since: $0)) } ?? 0
    let captureLag = end.source.map { telemetry.captureLag(source: $0).value } ?? 0
    lag.observe(max(replayLag, captureLag), at: now)

    let most = backfill.options.mostLag / .seconds(1)
    if lag.p99 > most, rested < Self.longestRest {
      let seconds = (lag.p99 * 10).rounded() / 10
      return ("live changes go first: they are \(seconds) s behind (limit \(most) s)", ())
    }
    guard !backfill.options.isLogOnly, waiting.changes > pace.room else { return nil }
    return (rested < Self.worthAWord ? nil : "\(waiting.changes) rows wait to be delivered", ())
  }

  func publish(secondsLeft: Double?, remaining: Int64?) {
    if let remaining { telemetry.backfillRemainingRows(link: end.link).set(remaining) }
    if let secondsLeft { telemetry.backfillTimeLeft(link: end.link).set(secondsLeft) }
  }
}
