import AsyncAlgorithms
package import Changes
package import Log
package import Logging
import ServiceLifecycle
package import Telemetry

/// Log → target: one loop for both directions.
///
/// Changes go to lanes by their key: a lane delivers one change after the other, so a record's changes never overtake
/// each other, while different records travel side by side. A change that fails for itself alone is set aside with
/// those of its record that follow; an end that is down stops the lanes where they are.
package struct ReplayLoop: Service {
  /// Changes read ahead of the lanes. Bounds memory, and what is read again after a crash.
  private static let mostUnderWay = 512
  /// How soon a waiting change that became due is noticed.
  static let tick = Duration.milliseconds(200)

  let link: Link
  let direction: Direction
  /// As stalls name it.
  var place: String { "\(link.name) \(direction)" }
  let log: ChangeLog
  let locks: RecordLocks
  let changeGuard: ChangeGuard?
  let gate: LinkGate
  let lanes: Int
  let retry: RetryPolicy
  let telemetry: Telemetry
  let logger: Logger

  /// - Parameters:
  ///   - locks: shared by the two directions of the link.
  ///   - gate: shared by the two directions of the link.
  ///   - lanes: how many records are delivered side by side.
  package init(
    _ link: Link, _ direction: Direction, log: ChangeLog, locks: RecordLocks,
    gate: LinkGate = LinkGate(), lanes: Int = 16, retry: RetryPolicy = RetryPolicy(), telemetry: Telemetry,
    logger: Logger
  ) {
    self.link = link
    self.direction = direction
    self.log = log
    self.locks = locks
    changeGuard = ChangeGuard(link, direction, log: log)
    self.gate = gate
    self.lanes = lanes
    self.retry = retry
    self.telemetry = telemetry
    self.logger = logger
  }

  /// Runs until shutdown. A log that refused a transaction is begun again from its watermark.
  package func run() async throws {
    while !Task.isCancelled, !Task.isShuttingDownGracefully {
      do {
        try await replay()
        return
      } catch is CancellationError {
        return
      } catch {
        telemetry.stall(.replay, place, .logFailed, detail: "\(error)")
        logger.error("replay of \(link.name) \(direction) starts again: \(error)")
        try? await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(1)) }
      }
    }
  }

  private func replay() async throws {
    let progress = try await ReplayProgress(link: link.name, direction: direction, log: log)
    let queues = (0..<lanes).map { _ in AsyncStream.makeStream(of: LaneItem.self) }
    let (bell, ring) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let appends = await log.appends(to: link[direction.source].name)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for queue in queues {
        group.addTask {
          for await item in queue.stream {
            try await Lane(loop: self, progress: progress).deliver(item)
            ring.yield()
          }
        }
      }
      group.addTask { for await _ in appends.cancelOnGracefulShutdown() { ring.yield() } }
      group.addTask {
        for await _ in AsyncTimerSequence(interval: Self.tick, clock: .continuous).cancelOnGracefulShutdown() {
          ring.yield()
        }
      }
      group.addTask {
        defer { for queue in queues { queue.continuation.finish() } }
        ring.yield()
        for await _ in bell.cancelOnGracefulShutdown() {
          try await feed(progress) { item in
            queues[Int(UInt(bitPattern: item.logged.change.key.hashValue) % UInt(queues.count))].continuation.yield(
              item)
          }
        }
      }
      try await group.waitForAll()
    }
  }

  /// Hands what is due and what is new to the lanes, as far as there is room.
  private func feed(_ progress: ReplayProgress, to hand: (LaneItem) -> Void) async throws {
    guard gate.isOpen else { return }
    if await progress.hasWaiting { try await feedWaiting(progress, to: hand) }
    try await changeGuard?.report(to: telemetry)
    while await progress.countUnderWay < Self.mostUnderWay {
      let page = try await log.page(
        of: link[direction.source].name, after: await progress.readThrough, limit: Self.mostUnderWay / 2)
      guard !page.changes.isEmpty || !page.damaged.isEmpty else { return }
      await progress.begin(page)
      for damaged in page.damaged { try await bury(damaged, progress) }
      for logged in page.changes { hand(LaneItem(logged: logged, waiting: nil)) }
    }
  }

  private func feedWaiting(_ progress: ReplayProgress, to hand: (LaneItem) -> Void) async throws {
    let due = try await log.due(of: link.name, direction, limit: Self.mostUnderWay / 4)
    let changes = try await log.changes(at: due.map(\.sequence))
    for waiting in due where await progress.beginRetry(waiting) {
      guard let logged = changes[waiting.sequence] else {
        // Its block is damaged or gone: it can never be delivered.
        try await progress.settle(waiting.key, waiting.sequence, .dead) {
          $0.deadLetter = letter(nil, waiting.sequence, waiting.key.encoded, waiting.failure)
        }
        continue
      }
      hand(LaneItem(logged: logged, waiting: waiting))
    }
  }

  /// A damaged part of the log is said, kept as a dead letter, and never delivered.
  private func bury(_ damaged: DamagedRecord, _ progress: ReplayProgress) async throws {
    logger.error("\(damaged)")
    telemetry.logCorruptRecords().increment()
    let sequence = damaged.sequences.upperBound
    try await progress.settle(RecordKey([]), sequence, .dead) {
      $0.deadLetter = letter(nil, sequence, "[]", Failure(code: "log.damaged", message: "\(damaged)"))
    }
  }

  func letter(_ logged: LoggedChange?, _ sequence: LogSequence, _ key: String, _ failure: Failure) -> DeadLetter {
    DeadLetter(
      link: link.name, direction: direction, logged: logged, sequence: sequence, key: key, failure: failure,
      diedAt: .now)
  }
}

/// One change on its way to a lane.
struct LaneItem: Sendable {
  let logged: LoggedChange
  /// Set when the change was set aside before and its time has come.
  let waiting: WaitingChange?
}
