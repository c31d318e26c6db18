import Glibc
import Synchronization

/// A part of the way of a change that can stand still by itself.
package enum Stage: String, Sendable, Hashable, CaseIterable, Comparable {
  case capture, pull, log, replay, approval, backfill, verify

  /// In the order a change passes them.
  package static func < (a: Stage, b: Stage) -> Bool { a.order < b.order }

  private var order: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// Why a stage has work and makes no progress. The raw value is the label in metrics and the word in `--json`.
package enum StallReason: String, Sendable, Hashable, CaseIterable {
  case unreachable
  case unauthorized
  case forbidden
  case rateLimited = "rate_limited"
  case notAttached = "not_attached"
  case schemaChanged = "schema_changed"
  case logFailed = "log_failed"
  case needsDecision = "needs_decision"

  /// What to do about it, as one sentence or two for a person.
  package var advice: String {
    switch self {
    case .unreachable:
      "The other end does not answer. Check that it runs and that the network lets us through; it is tried again."
    case .unauthorized: "The credentials were refused. Renew them where the configuration refers to them, then restart."
    case .forbidden: "The role or token may not do this. `tidemark check` prints the rights that are missing."
    case .rateLimited: "The application asked us to slow down. Nothing to do; raise its limit if this lasts."
    case .notAttached: "Capture is not installed on all tables, or was changed. Run `tidemark attach`."
    case .schemaChanged:
      "A linked table or column is gone or has another name. Put it back, or change the link in the configuration and"
        + " restart. Nothing is lost meanwhile."
    case .needsDecision: "Somebody has to say whether what was found is meant; what is asked is said with it."
    case .logFailed: "The log could not be written. Check its disk and the rights on its directory, then restart."
    }
  }
}

extension StallReason {
  /// Why an end that failed with this code (see `Failure` in Changes) cannot be used.
  package init(failureCode: String?) {
    switch failureCode {
    case "http.401": self = .unauthorized
    case "http.403", "sql.42501": self = .forbidden
    case "http.429": self = .rateLimited
    case "link.column", "sql.42P01", "table.key", "table.kind": self = .schemaChanged
    case "poll.deletes": self = .needsDecision
    default: self = .unreachable
    }
  }
}

/// Where something stands still: a stage of a source (`shop`) or of one direction of a link (`customers push`).
struct StallPlace: Hashable, Sendable {
  let stage: Stage
  let name: String
}

/// A stage that stands still.
package struct Stall: Sendable, Hashable {
  package let stage: Stage
  /// The source it is about, or the link with its direction (`customers push`).
  package let name: String
  package let reason: StallReason
  /// What happened, without row values or secrets.
  package let detail: String?
  /// Since when it stands still for this reason: microseconds since 1970-01-01T00:00:00Z.
  package let sinceMicroseconds: Int64
}

extension Telemetry {
  /// Reports that a stage stands still. A stage stands still for one reason at a time: a new one takes the place of
  /// the last, the same one again keeps its beginning.
  /// - Returns: whether it moved until now, or stood still for another reason.
  @discardableResult
  package func stall(
    _ stage: Stage, _ name: some CustomStringConvertible, _ reason: StallReason, detail: String? = nil
  ) -> Bool {
    let place = StallPlace(stage: stage, name: name.description)
    let now = Self.wallClockMicroseconds()
    let previous = stalled.withLock { stalled in
      let previous = stalled[place]
      let since = previous?.reason == reason ? previous?.sinceMicroseconds : nil
      stalled[place] = Stall(
        stage: stage, name: place.name, reason: reason, detail: detail, sinceMicroseconds: since ?? now)
      return previous
    }
    if let previous, previous.reason != reason { stalledGauge(place, previous.reason).set(0) }
    stalledGauge(place, reason).set(1)
    return previous?.reason != reason
  }

  /// Reports that a stage moves again, or has nothing to do. Costs little when it never stood still.
  /// - Returns: whether it stood still until now.
  @discardableResult
  package func clear(_ stage: Stage, _ name: some CustomStringConvertible) -> Bool {
    let place = StallPlace(stage: stage, name: name.description)
    guard let stall = stalled.withLock({ $0.removeValue(forKey: place) }) else { return false }
    stalledGauge(place, stall.reason).set(0)
    return true
  }

  /// Everything that stands still, in the order a change passes the stages, then by name.
  package var stalls: [Stall] {
    stalled.withLock { Array($0.values) }.sorted { ($0.stage, $0.name) < ($1.stage, $1.name) }
  }

  private static func wallClockMicroseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1_000
  }
}
