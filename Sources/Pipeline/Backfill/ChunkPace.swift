/// How many rows the next chunk has, and how long it waits. A value: the loop tells it what happened.
///
/// Chunks are sized by time: a quarter of a second of reading is long enough that what each chunk costs besides does
/// not count, and short enough that little is read again after a crash and nobody waits for a statement of ours.
struct ChunkPace {
  static let target = Duration.milliseconds(250)
  static let bounds = 50...10_000

  private(set) var limit = 500
  private var reading = Rate(over: .seconds(10))
  private var delivering = Rate(over: .seconds(1))
  private let rowsPerSecond: Int?
  private var due: ContinuousClock.Instant
  private var lastEnd: ContinuousClock.Instant

  init(rowsPerSecond: Int?, at now: ContinuousClock.Instant) {
    self.rowsPerSecond = rowsPerSecond
    due = now
    lastEnd = now
    limit = size(limit)
  }

  /// Rows a second, over about the last ten seconds; nil before the first chunk.
  var rate: Double? { reading.value }

  /// A chunk was read in `time` and is in the log at `now`.
  mutating func took(_ time: Duration, rows: Int, at now: ContinuousClock.Instant) {
    if rows > 0 {
      let wanted = Double(rows) * (Self.target / max(time, .microseconds(100)))
      // A chunk that was quick by chance must not make the next one long; a slow one counts at once.
      limit = size(Int(min(wanted, 2 * Double(limit))))
    }
    reading.add(Double(rows), in: now - lastEnd)
    lastEnd = now
    if let rowsPerSecond { due = max(due, now) + .seconds(Double(rows) / Double(rowsPerSecond)) }
  }

  /// So many of the rows that were waiting have been delivered in `time`.
  mutating func delivered(_ rows: Int64, in time: Duration) { delivering.add(Double(max(0, rows)), in: time) }

  /// How many rows may wait to be delivered while the next chunk is read: what a quarter of a second delivers, so that
  /// a live change behind them waits no longer than that.
  var room: Int64 {
    guard let delivered = delivering.value else { return Int64(Self.bounds.lowerBound) * 4 }
    return Int64(size(Int(delivered * (Self.target / .seconds(1)))))
  }

  /// How long the asked rate leaves to wait at `now`.
  func pause(at now: ContinuousClock.Instant) -> Duration { max(.zero, due - now) }

  /// A quarter of a second's worth of the asked rate is the most.
  private func size(_ rows: Int) -> Int {
    let bounded = min(max(rows, Self.bounds.lowerBound), Self.bounds.upperBound)
    return rowsPerSecond.map { min(bounded, max(1, $0 / 4)) } ?? bounded
  }
}

/// How many a second, of late. The first samples are averaged; from then on each weighs by the time it stands for.
struct Rate {
  private let window: Duration
  private var elapsed = Duration.zero
  private(set) var value: Double?

  init(over window: Duration) { self.window = window }

  mutating func add(_ count: Double, in time: Duration) {
    guard time > .zero else { return }
    elapsed = min(elapsed + time, window)
    let sample = count / (time / .seconds(1))
    value = (value ?? sample) + (sample - (value ?? sample)) * min(1, time / elapsed)
  }
}
