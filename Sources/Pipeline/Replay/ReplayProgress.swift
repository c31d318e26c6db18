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
  private var waitingKeys: [RecordKey: Int]
  private var retried: Set<LogSequence> = []

  init(link: LinkName, direction: Direction, log: ChangeLog) async throws {
    self.link = link
    self.direction = direction
    self.log = log
    term = log.term
    through = try await log.replayWatermark(of: link, direction)
    waitingKeys = try await log.waitingKeys(of: link, direction)
  }

  /// Up to here the log was read.
  var readThrough: LogSequence { through }
  var countUnderWay: Int { underWay.count + retried.count }
  var hasWaiting: Bool { !waitingKeys.isEmpty }

  /// Changes of a record that has others waiting stand behind those.
  func isWaiting(_ key: RecordKey) -> Bool { waitingKeys[key] != nil }

  func begin(_ page: Page) {
    underWay.append(contentsOf: page.changes.map { (sequence: $0.sequence, isSettled: false) })
    through = max(through, page.through)
  }

  /// - Returns: whether the waiting change is not under way already.
  func beginRetry(_ sequence: LogSequence) -> Bool { retried.insert(sequence).inserted }

  /// Gives a waiting change back without an ending.
  func endRetry(_ sequence: LogSequence) { retried.remove(sequence) }

  func settle(
    _ key: RecordKey, _ sequence: LogSequence, _ ending: Settlement.Ending,
    _ complete: @Sendable (inout Settlement) -> Void = { _ in }
  ) async throws {
    let wasWaiting = retried.contains(sequence)
    if !wasWaiting { markSettled(sequence) }
    var settlement = Settlement(
      link: link, direction: direction, sequence: sequence, ending: ending, watermark: watermark)
    complete(&settlement)
    if settlement.waiting != nil, !wasWaiting { waitingKeys[key, default: 0] += 1 }
    try await log.settle(settlement, term: term)
    if wasWaiting {
      retried.remove(sequence)
      if settlement.waiting == nil { forgetWaiting(key) }
    }
  }

  private func forgetWaiting(_ key: RecordKey) {
    guard let count = waitingKeys[key] else { return }
    waitingKeys[key] = count > 1 ? count - 1 : nil
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
