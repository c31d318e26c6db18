import Changes
import JSON
import Log
import Logging
import Mapping
import ServiceLifecycle
import Telemetry

/// Delivers the changes of the keys that hash to it, one after the other, until each has an ending in the log.
struct Lane {
  let loop: ReplayLoop
  let progress: ReplayProgress

  private var link: Link { loop.link }

  func deliver(_ item: LaneItem) async throws {
    guard !Task.isShuttingDownGracefully else { return }
    let change = item.logged.change
    if item.waiting == nil, await progress.isWaiting(change.key) {
      try await setAside(item, attempts: 0, due: .now, Self.behind, nil)
      // What reappears takes back the delete that is held.
      if loop.changeGuard != nil { try await loop.log.wakeHeld(of: link.name, loop.direction, key: change.key) }
      return
    }
    var attempt = item.waiting?.attempts ?? 0
    var outage = 0
    while !Task.isShuttingDownGracefully {
      guard loop.gate.isOpen else {
        try await pause(ReplayLoop.tick)
        continue
      }
      let names = try await lock(change)
      let result = await attemptDelivery(item)
      do {
        if try await settle(item, result, attempt: attempt + 1) {
          await loop.locks.release(names)
          return
        }
      } catch {
        await loop.locks.release(names)
        throw error
      }
      await loop.locks.release(names)
      attempt += 1
      switch result {
      case .unavailable(let failure, let after):
        attempt -= 1
        outage += 1
        report(failure)
        try await pause(loop.retry.pause(after: outage, longest: loop.retry.longestOutagePause, asked: after))
      case .retry(_, let after):
        try await pause(loop.retry.pause(after: attempt, longest: loop.retry.longestPause, asked: after))
      default: break
      }
    }
    // Stopped in the middle: without an ending the change is read again at the next start.
    await progress.endRetry(item.logged.sequence)
  }

  private func attemptDelivery(_ item: LaneItem) async -> DeliveryResult {
    var change = item.logged.change
    // It waited for a person: much may have happened to the record since.
    if item.waiting?.wasHeld == true { change.stamp = .readAgain }
    let logged = LoggedChange(sequence: item.logged.sequence, change: change)
    let (sequence, isApproved) = (logged.sequence, item.waiting?.isApproved == true || logged.change.origin.isAsked)
    let started = ContinuousClock.now
    defer {
      let seconds = (ContinuousClock.now - started) / .seconds(1)
      loop.telemetry.deliveryAttempt(link: link.name, direction: loop.direction).observe(seconds)
    }
    let delivery = Delivery(
      link: link, direction: loop.direction, log: loop.log,
      objection: { try await loop.changeGuard?.objection(to: $0, sequence, isApproved: isApproved) },
      intend: { try await progress.intend($0) })
    do {
      let standing = try await loop.log.standing(of: link.name, loop.direction.source, key: logged.change.key)
      return try await delivery.deliver(logged, standing)
    } catch let end as EndUnavailable {
      return .unavailable(end.failure, after: end.after)
    } catch let failure as Failure {
      return .rejected(failure)
    } catch let error as JSONError {
      return .rejected(Failure(code: "row.json", message: "the row of the change is \(error)"))
    } catch {
      return .unavailable(Failure(code: "unreachable", message: "\(error)"), after: nil)
    }
  }

  /// - Returns: false when the change is to be attempted again at once, in this lane.
  private func settle(_ item: LaneItem, _ result: DeliveryResult, attempt: Int) async throws -> Bool {
    let (key, sequence) = (item.logged.change.key, item.logged.sequence)
    switch result {
    case .settled(let settled):
      try await progress.settle(key, sequence, settled.ending) {
        $0.state = settled.state
        $0.conflicts = settled.conflicts
        $0.shared = settled.shared
        $0.absorbed = settled.absorbed
      }
      count(settled, item.logged.change)
    case .waits(let parent):
      try await setAside(item, attempts: attempt, due: parentDue(attempt), Delivery.waits(parent), parent)
    case .held(let failure):
      try await setAside(item, attempts: attempt - 1, due: .never, failure, nil)
    case .rejected(let failure):
      try await bury(item, failure)
    case .retry(let failure, let after):
      if attempt >= loop.retry.attempts {
        try await bury(item, failure)
      } else {
        guard item.waiting != nil || attempt >= loop.retry.attemptsInLane else { return false }
        try await setAside(item, attempts: attempt, due: loop.retry.due(after: attempt, asked: after), failure, nil)
      }
    case .unavailable: return false
    }
    if loop.telemetry.clear(.replay, loop.place) { loop.logger.notice("\(loop.place) goes on") }
    return true
  }

  private func setAside(
    _ item: LaneItem, attempts: Int, due: Timestamp, _ failure: Failure, _ parent: RecordReference?
  ) async throws {
    let waiting = WaitingChange(
      sequence: item.logged.sequence, key: item.logged.change.key, attempts: attempts, due: due, waitsFor: parent,
      failure: failure, since: item.waiting?.since ?? item.logged.change.lateSince ?? .now)
    try await progress.settle(item.logged.change.key, item.logged.sequence, .waiting) {
      $0.waiting = waiting
      $0.attempt = attempts > 0 ? failure : nil
    }
  }

  private func bury(_ item: LaneItem, _ failure: Failure) async throws {
    let logged = item.logged
    loop.logger.error("\(link.name) \(loop.direction): record \(logged.change.key) was given up: \(failure)")
    try await progress.settle(logged.change.key, logged.sequence, .dead) {
      $0.deadLetter = loop.letter(logged, logged.sequence, logged.change.key.encoded, failure)
      $0.attempt = failure
    }
    loop.telemetry.deliveries(link: link.name, direction: loop.direction, outcome: Settlement.Ending.dead.rawValue)
      .increment()
  }

  /// A parent that becomes known wakes its children; this is only the fallback.
  private func parentDue(_ attempt: Int) -> Timestamp {
    Timestamp.now.advanced(
      by: loop.retry.pause(after: attempt, longest: loop.retry.longestOutagePause, asked: .milliseconds(250)))
  }

  private func pause(_ duration: Duration) async throws {
    try? await cancelWhenGracefulShutdown { try await Task.sleep(for: duration) }
    try Task.checkCancellation()
  }

  /// Every name the record is known by, so that the other direction does not decide about it meanwhile.
  private func lock(_ change: Change) async throws -> Set<String> {
    while true {
      let names = try await names(change)
      await loop.locks.acquire(names)
      do {
        if try await self.names(change) == names { return names }
      } catch {
        await loop.locks.release(names)
        throw error
      }
      await loop.locks.release(names)
    }
  }

  private func names(_ change: Change) async throws -> Set<String> {
    let side = loop.direction.source
    var names: Set = ["\(side) \(change.key.encoded)"]
    if let state = try await loop.log.state(of: link.name, side, key: change.key) {
      names.insert("\(side.opposite) \(state[side.opposite].key.encoded)")
    }
    // A record without a state may be on its way from the other side: both know it by the fields it is matched by.
    if let object = try? JSONObject(parsing: change.row) {
      let values = link.mapping.values(of: link.match, in: object, at: side)
      if values.members.contains(where: { !$0.value.isNull }) { names.insert("match \(values.text)") }
    }
    return names
  }

  private func count(_ settled: DeliveryResult.Settled, _ change: Change) {
    let telemetry = loop.telemetry
    telemetry.deliveries(link: link.name, direction: loop.direction, outcome: settled.ending.rawValue).increment()
    for conflict in settled.conflicts {
      telemetry.conflicts(link: link.name, resolution: conflict.decision.map(Self.word) ?? "open").increment()
    }
    switch settled.ending {
    case .echo: telemetry.echoes(link: link.name, direction: loop.direction).increment()
    case .delivered, .merged:
      guard let since = change.lateSince else { break }
      telemetry.endToEnd(link: link.name, direction: loop.direction)
        .observe(max(0, Timestamp.now.seconds(since: since)))
    default: break
    }
  }

  private static func word(_ decision: Decision) -> String {
    if case .side(let side) = decision { "\(side)" } else { "joined" }
  }

  private static let behind = Failure(
    code: "replay.behind", message: "stands behind an earlier change of the same record")

  /// Told once, however many lanes find it and however often they try.
  private func report(_ failure: Failure) {
    let isNew = loop.telemetry.stall(
      .replay, loop.place, StallReason(failureCode: failure.code), detail: failure.message)
    loop.logger.log(level: isNew ? .warning : .debug, "\(loop.place) stands still and tries again: \(failure)")
  }
}
