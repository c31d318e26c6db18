import Changes
import JSON

extension StatusReport {
  /// How a way went of late: what a sparkline shows.
  package struct Trend: Sendable, Hashable {
    /// Seconds from one sample to the next.
    package var every: Double
    /// The lag at each moment, oldest first.
    package var lagSeconds: [Double]
    /// Over the last minute; nil before there is one.
    package var deliveredPerSecond: Double?

    package init(every: Double, lagSeconds: [Double], deliveredPerSecond: Double?) {
      self.every = every
      self.lagSeconds = lagSeconds
      self.deliveredPerSecond = deliveredPerSecond
    }
  }

  /// What somebody on call wants to know of a link first.
  package struct Health: Sendable, Hashable {
    package enum State: String, Sendable, CaseIterable {
      case live, starting, paused, blocked, failed, stopped
      case catchingUp = "catching_up"
      case needsRepair = "needs_repair"

      package var words: String { rawValue.replacing("_", with: " ") }
    }

    package var state: State
    /// By whom it is blocked, what needs repair, why it is paused.
    package var detail: String?
    /// Until it has caught up, at its present rate; nil where nobody can tell.
    package var etaSeconds: Double?

    package init(_ state: State, detail: String? = nil, etaSeconds: Double? = nil) {
      self.state = state
      self.detail = detail
      self.etaSeconds = etaSeconds
    }

    var json: JSONValue {
      ["state": .string(state.rawValue), "detail": .optional(detail), "eta_seconds": .measured(etaSeconds)]
    }
  }

  /// Less than this is no backlog, only the way of a change.
  private static let shortLag = 10.0

  /// How a link is, of all that the report says about it and its ends.
  package func health(of link: Link) -> Health {
    if let paused = link.paused { return Health(.paused, detail: paused.reason) }
    guard service.isRunning else { return Health(.stopped) }
    if link.state == .starting { return Health(.starting) }
    let ends = sources.filter { source in
      [link.local, link.remote].contains { $0 == source.name || $0.hasPrefix(source.name + ".") }
    }
    let standstills = [link.push?.stalled, link.pull?.stalled].compactMap { $0 } + ends.compactMap(\.stalled)
    if let standstill = standstills.first {
      let state: Health.State =
        switch standstill.reason {
        case "not_attached", "schema_changed", "needs_decision": .needsRepair
        case "log_failed": .failed
        default: .blocked
        }
      return Health(state, detail: standstill.detail ?? standstill.reason)
    }
    let ways = [link.push, link.pull].compactMap { $0 }
    let late = ways.filter { $0.pendingChanges > $0.waiting && $0.replayLagSeconds > Self.shortLag }
    guard !late.isEmpty else { return Health(.live) }
    let etas = late.map { way in
      way.trend?.deliveredPerSecond.flatMap { $0 > 0 ? Double(way.pendingChanges - way.waiting) / $0 : nil }
    }
    return Health(.catchingUp, etaSeconds: etas.contains(nil) ? nil : etas.compactMap { $0 }.max())
  }
}

extension StatusReport.Trend {
  var json: JSONValue {
    [
      "every_seconds": .measured(every), "lag_seconds": .array(lagSeconds.map { .measured($0) }),
      "delivered_per_second": .measured(deliveredPerSecond),
    ]
  }

  init(members: Members) throws(StatusReportError) {
    self.init(
      every: try members.number("every_seconds"),
      lagSeconds: (members.optional("lag_seconds", \.arrayValue) ?? []).compactMap { Double($0.text) },
      deliveredPerSecond: members.optional("delivered_per_second") { Double($0.text) })
  }
}
