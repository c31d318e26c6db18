/// What is left of an application's rates, as values: it is asked before a request, told when it is sent and when it was
/// answered.
///
/// A request counts from when it is sent until a window after its *answer*: the application counted it some time between
/// the two, so that whatever the network does, no more arrive in any stretch of time than are allowed.
struct Quota: Sendable {
  typealias Instant = ContinuousClock.Instant

  private var rates: [Count]

  /// - Parameter reserve: in hundredths, what is left to others.
  init(_ rates: [LimitRules.Rate], reserve: Int) {
    self.rates = rates.map { Count(rule: $0, reserve: reserve) }
  }

  /// How long a request has to wait at least; nil: it may be sent now.
  mutating func wait(_ urgency: Urgency, at now: Instant) -> Duration? {
    var longest: Duration?
    for index in rates.indices {
      if let wait = rates[index].wait(urgency, at: now) { longest = max(longest ?? .zero, wait) }
    }
    return longest
  }

  mutating func send() {
    for index in rates.indices { rates[index].inFlight += 1 }
  }

  mutating func answered(at now: Instant) {
    for index in rates.indices {
      rates[index].inFlight -= 1
      rates[index].add(1, at: now)
    }
  }

  /// The application told how many requests were made in the rate over `per`, by whomever. What is unknown here is added.
  /// - Parameter total: the limit it told, where it did.
  mutating func learn(per: Duration, used: (_ limit: Int) -> Int, total: Int? = nil, at now: Instant) {
    for index in rates.indices where rates[index].rule.per == per {
      if let total, total > 0 { rates[index].rule.limit = total }
      let used = used(rates[index].rule.limit)
      let known = rates[index].used(at: now) + rates[index].inFlight
      if used > known { rates[index].add(used - known, at: now) }
    }
  }

  /// The requests of one rate. A window is kept as parts of it, each counted until all of it has passed; a bucket as what
  /// has not leaked out of it.
  private struct Count: Sendable {
    var rule: LimitRules.Rate
    let reserve: Int
    var inFlight = 0
    /// Ends and counts of the parts of a window, oldest first.
    var parts: [(end: Instant, count: Int)] = []
    var level = 0.0
    var levelAt: Instant?

    /// The finest of them wastes a fiftieth of the rate.
    static let partsOfWindow = 50

    func room(_ urgency: Urgency) -> Int {
      let whole = rule.burst ?? rule.limit
      return max(1, whole * (100 - reserve) / 100 * urgency.share / 100)
    }

    mutating func used(at now: Instant) -> Int {
      if rule.burst != nil {
        leak(at: now)
        return Int(level.rounded(.up))
      }
      parts.removeAll { $0.end + rule.per <= now }
      return parts.reduce(0) { $0 + $1.count }
    }

    mutating func add(_ count: Int, at now: Instant) {
      if rule.burst != nil {
        leak(at: now)
        level += Double(count)
        return
      }
      // Never in a part that has passed: it would leave the window too early.
      if let last = parts.last, last.end >= now {
        parts[parts.count - 1].count += count
      } else {
        parts.append((now + rule.per / Self.partsOfWindow, count))
      }
    }

    mutating func wait(_ urgency: Urgency, at now: Instant) -> Duration? {
      let room = room(urgency)
      let used = used(at: now)
      guard used + inFlight >= room else { return nil }
      // What is under way is answered some time: it is asked again soon.
      let soon = min(rule.per / Self.partsOfWindow, .milliseconds(20))
      if rule.burst != nil {
        let excess = level + Double(inFlight) + 1 - Double(room)
        return max(soon, rule.per * (excess / Double(rule.limit)))
      }
      var left = used + inFlight - room + 1
      for part in parts {
        left -= part.count
        if left <= 0 { return max(soon, part.end + rule.per - now) }
      }
      return soon
    }

    private mutating func leak(at now: Instant) {
      if let levelAt, now > levelAt {
        level = max(0, level - (now - levelAt) / rule.per * Double(rule.limit))
      }
      levelAt = now
    }
  }
}
