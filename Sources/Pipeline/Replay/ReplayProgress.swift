import Changes
import DequeModule
import Log

/// Which changes of one link and direction are under way, and up to where everything is settled.
///
/// Lanes end out of order; the watermark follows the oldest change still under way. What it says is only as true as
/// the settlement that carries it: settlements are committed in the order of their calls.
actor ReplayProgress {
  private let link: LinkName
  private let direction: Direction
  private let log: ChangeLog
  private let term: Int

  private var underWay: Deque<(sequence: LogSequence, isSettled: Bool)> = []
  private var through: LogSequence
  /// What was set aside, as the log holds it. A list of what is due may be older than this.
  private var waiting: [RecordKey: Set<LogSequence>] = [:]
  private var retried: Set<LogSequence> = []

  init(link: LinkName, direction: Direction, log: ChangeLog) async throws {
    self.link = link
    self.direction = direction
    self.log = log
    term = log.term
    through = try await log.replayWatermark(of: link, direction)
    for change in try await log.waiting(of: link, direction, limit: .max) {
      waiting[change.key, default: []].insert(change.sequence)
    }
  }

  /// Up to here the log was read.
  var readThrough: LogSequence { through }
  var countUnderWay: Int { underWay.count + retried.count }
  var hasWaiting: Bool { !waiting.isEmpty }

  /// Changes of a record that has others waiting stand behind those.
  func isWaiting(_ key: RecordKey) -> Bool { waiting[key] != nil }

  func begin(_ page: Page) {
    underWay.append(contentsOf: page.changes.map { (sequence: $0.sequence, isSettled: false) })
    through = max(through, page.through)
  }

  /// - Returns: whether the change still waits and is not under way already.
  func beginRetry(_ change: WaitingChange) -> Bool {
    guard waiting[change.key]?.contains(change.sequence) == true else { return false }
    return retried.insert(change.sequence).inserted
  }

  /// Gives a waiting change back without an ending.
  func endRetry(_ sequence: LogSequence) { retried.remove(sequence) }

  /// Puts on disk what a delivery is about to write.
  func intend(_ intent: Intent) async throws { try await log.intend(intent, term: term) }

  func settle(
    _ key: RecordKey, _ sequence: LogSequence, _ ending: Settlement.Ending,
    _ complete: @Sendable (inout Settlement) -> Void = { _ in }
  ) async throws {
    let wasWaiting = retried.contains(sequence)
    if !wasWaiting { markSettled(sequence) }
    var settlement = Settlement(
      link: link, direction: direction, key: key, sequence: sequence, ending: ending, watermark: watermark)
    complete(&settlement)
    if settlement.waiting != nil { waiting[key, default: []].insert(sequence) }
    try await log.settle(settlement, term: term)
    if wasWaiting {
      retried.remove(sequence)
      if settlement.waiting == nil { forget(sequence, of: key) }
    }
  }

  private func forget(_ sequence: LogSequence, of key: RecordKey) {
    waiting[key]?.remove(sequence)
    if waiting[key]?.isEmpty == true { waiting[key] = nil }
  }

  private func markSettled(_ sequence: LogSequence) {
    var low = underWay.startIndex
    var high = underWay.endIndex
    while low < high {
      let middle = (low + high) / 2
      if underWay[middle].sequence < sequence { low = middle + 1 } else { high = middle }
    }
    if low < underWay.endIndex, underWay[low].sequence == sequence { underWay[low].isSettled = true }
    while let first = underWay.first, first.isSettled { underWay.removeFirst() }
  }

  /// A page lists its changes as under way before `through` moves, so nothing unread is ever covered.
  private var watermark: LogSequence {
    underWay.first.map { LogSequence($0.sequence.number - 1) } ?? through
  }
}
