/// Every metric of Tidemark: its name, its unit, what it means, its labels. Nowhere else.
extension Telemetry {
  /// From a cache hit to an hour of waiting: 5 ms … 1 h, each bound two to three times the last.
  static let secondsBounds = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 3_600,
  ]

  // Capture: source to log.

  package func captureLag(source: some CustomStringConvertible) -> Gauge {
    gauge(
      "tidemark_capture_lag_seconds",
      "Age of the oldest change committed at the source and not yet durable in the log; 0 when there is none.",
      ["source": source])
  }

  package func captureLagBytes(source: some CustomStringConvertible) -> Gauge {
    gauge(
      "tidemark_capture_lag_bytes",
      "Bytes the source keeps for changes that are not yet durable in the log: write-ahead log or outbox.",
      ["source": source])
  }

  package func changes(endpoint: some CustomStringConvertible, operation: some CustomStringConvertible) -> Counter {
    counter(
      "tidemark_changes_total", "Changes that entered the log.", ["endpoint": endpoint, "operation": operation])
  }

  package func oldestTransaction(database: some CustomStringConvertible) -> Gauge {
    gauge(
      "tidemark_oldest_transaction_seconds",
      "Age of the oldest open transaction of the database that writes; 0 when there is none.",
      ["database": database])
  }

  package func safeBytes(database: some CustomStringConvertible) -> Gauge {
    gauge(
      "tidemark_safe_bytes",
      "Bytes the database will still keep for changes that are not in the log before it lets go; absent without a limit.",
      ["database": database])
  }

  package func timeToFull(database: some CustomStringConvertible) -> Gauge {
    gauge(
      "tidemark_time_to_full_seconds",
      "When the database lets changes go, if what it keeps grows as it does now; +Inf while that is not in sight.",
      ["database": database])
  }

  package func outboxChanges(database: some CustomStringConvertible) -> Gauge {
    gauge(
      "tidemark_outbox_changes", "Changes in the database's outbox that were not released yet.",
      ["database": database])
  }

  // Replay: log to target.

  package func replayLag(link: some CustomStringConvertible, direction: some CustomStringConvertible) -> Gauge {
    gauge(
      "tidemark_replay_lag_seconds",
      "Age of the oldest committed change of the link not yet acknowledged by its target; 0 when there is none.",
      ["link": link, "direction": direction])
  }

  package func pendingChanges(link: some CustomStringConvertible, direction: some CustomStringConvertible) -> Gauge {
    gauge(
      "tidemark_log_pending_changes", "Changes in the log that the link has not settled yet.",
      ["link": link, "direction": direction])
  }

  package func endToEnd(link: some CustomStringConvertible, direction: some CustomStringConvertible) -> Histogram {
    histogram(
      "tidemark_end_to_end_seconds", "From the commit at the source to the acknowledgement of the target.",
      bounds: Self.secondsBounds, ["link": link, "direction": direction])
  }

  package func deliveries(
    link: some CustomStringConvertible, direction: some CustomStringConvertible, outcome: some CustomStringConvertible
  ) -> Counter {
    counter(
      "tidemark_deliveries_total", "Writes answered by the target, by how they ended.",
      ["link": link, "direction": direction, "outcome": outcome])
  }

  package func deliveryAttempt(
    link: some CustomStringConvertible, direction: some CustomStringConvertible
  ) -> Histogram {
    histogram(
      "tidemark_delivery_attempt_seconds", "Duration of one attempt to apply writes at the target.",
      bounds: Self.secondsBounds, ["link": link, "direction": direction])
  }

  package func echoes(link: some CustomStringConvertible, direction: some CustomStringConvertible) -> Counter {
    counter(
      "tidemark_echoes_total", "Changes recognised as Tidemark's own writes and not sent back.",
      ["link": link, "direction": direction])
  }

  package func conflicts(link: some CustomStringConvertible, resolution: some CustomStringConvertible) -> Counter {
    counter(
      "tidemark_conflicts_total", "Conflicts, by how they were settled.", ["link": link, "resolution": resolution])
  }

  package func deadLetters(link: some CustomStringConvertible) -> Gauge {
    gauge(
      "tidemark_dead_letters", "Changes that delivery gave up on and that wait for a decision.", ["link": link])
  }

  package func waitingChanges(link: some CustomStringConvertible) -> Gauge {
    gauge(
      "tidemark_waiting_changes", "Changes held back by an earlier change of the same or a referenced record.",
      ["link": link])
  }

  package func paused(link: some CustomStringConvertible) -> Gauge {
    gauge("tidemark_paused", "1 while somebody lets the link rest: nothing is written at either side.", ["link": link])
  }

  // Backfill and log.

  package func backfillRows(link: some CustomStringConvertible) -> Counter {
    counter("tidemark_backfill_rows_total", "Rows read by backfills.", ["link": link])
  }

  package func backfillRemainingRows(link: some CustomStringConvertible) -> Gauge {
    gauge(
      "tidemark_backfill_remaining_rows", "Estimate of the rows that the running backfill still has to read.",
      ["link": link])
  }

  package func verifiedDifferences(link: some CustomStringConvertible) -> Gauge {
    gauge(
      "tidemark_verified_differences",
      "Records whose sides differed when the link was last verified; absent before the first time.", ["link": link])
  }

  package func logBytes() -> Gauge { gauge("tidemark_log_bytes", "Bytes of the log in use.") }

  package func backfillTimeLeft(link: some CustomStringConvertible) -> Gauge {
    gauge(
      "tidemark_backfill_eta_seconds",
      "Seconds until the running backfill has read everything at its present rate; absent until somebody can tell.",
      ["link": link])
  }

  package func logCorruptRecords() -> Counter {
    counter("tidemark_log_corrupt_records_total", "Blocks of the log whose checksum did not match when read.")
  }

  // The process.

  func stalledGauge(_ place: StallPlace, _ reason: StallReason) -> Gauge {
    gauge(
      "tidemark_stalled", "1 while a stage has work and makes no progress for this reason, else 0.",
      ["stage": place.stage.rawValue, "name": place.name, "reason": reason.rawValue])
  }

  func buildInfo(version: String) -> Gauge {
    gauge("tidemark_build_info", "Always 1; the label is the version of the program.", ["version": version])
  }
}
