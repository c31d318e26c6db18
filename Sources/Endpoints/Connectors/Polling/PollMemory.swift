import Changes
import JSON

/// What a polled object remembers between two calls of `next`. Losing it costs repeats, never changes.
struct PollMemory {
  /// Where the last batch ended. A caller that asks from elsewhere did not keep that batch.
  private var through: Position?
  private var isStarted = false
  /// Hashes of the records of the listing before, by id: cursors that include their own moment repeat them.
  private var before: [String: Int] = [:]
  private var current: [String: Int] = [:]
  /// When the listing under way began; nil if it began in another life of this process.
  private(set) var began: ContinuousClock.Instant?
  /// When the last complete listing began.
  private(set) var complete: ContinuousClock.Instant?
  private(set) var due: ContinuousClock.Instant?

  /// Forgets everything if `position` is not where the last batch ended.
  /// - Parameter due: when to list next if it does; nil: at once.
  mutating func resume(_ position: Position?, due: @autoclosure () -> ContinuousClock.Instant?) {
    guard !isStarted || position != through else { return }
    self = PollMemory()
    through = position
    isStarted = true
    self.due = due()
  }

  mutating func begin(at now: ContinuousClock.Instant, due: ContinuousClock.Instant) {
    began = now
    self.due = due
    current = [:]
  }

  /// Whether a record is other than it was when last listed.
  mutating func isNews(_ id: String, _ item: JSONValue) -> Bool {
    let hash = item.hashValue
    let known = current[id] ?? before[id]
    current[id] = hash
    return known != hash
  }

  /// The listing goes on with another page, or is complete.
  /// - Returns: since when everything is covered, if it is complete.
  mutating func end(at position: Position, isComplete: Bool) -> ContinuousClock.Instant? {
    through = position
    guard isComplete else { return nil }
    before = current
    current = [:]
    complete = began
    began = nil
    return complete
  }

  /// The listing under way cannot be continued; it starts again as soon as the caller asks.
  mutating func abandon() {
    began = nil
    due = nil
  }
}
