package import Changes
package import Config
package import Log
package import Server

extension StatusReport.Backfill {
  /// In the words of the configuration: the log knows sides, people know databases and applications.
  package init(_ backfill: Backfill, _ configuration: Configuration) {
    let link = configuration.links.first { $0.name == backfill.link }
    let endpoint = link.map { backfill.side == .local ? $0.table : $0.object }
    self.init(
      id: backfill.id, link: backfill.link.description, from: backfill.side.origin,
      endpoint: endpoint?.description ?? "a link that is gone", reason: backfill.reason,
      state: backfill.state.rawValue, requestedAt: backfill.requestedAt)
    rows = backfill.rows
    gaveWay = backfill.gaveWay
    missing = backfill.missing
    total = backfill.total?.rows
    isTotalExact = backfill.total?.isExact ?? false
    share = backfill.share
    rowsPerSecond = backfill.rate
    secondsLeft = backfill.secondsLeft
    key = backfill.lastKey
    note = backfill.failure ?? backfill.note
    startedAt = backfill.startedAt
    endedAt = backfill.endedAt
  }
}

extension Backfill {
  /// Open, or ended within the last ten minutes.
  func isWorthShowing(at now: Timestamp) -> Bool {
    state.isOpen || endedAt.map { now.seconds(since: $0) < 600 } ?? false
  }
}

extension Side {
  /// The word for a side that people know.
  package var origin: String { self == .local ? "database" : "application" }
}
