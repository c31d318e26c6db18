import Changes
import JSON

/// The parts of a report to JSON and back, member by member.
extension StatusReport.Service {
  var json: JSONValue {
    [
      "running": .bool(isRunning), "pid": .optional(processID), "version": .string(version),
      "uptime_seconds": .measured(uptime.map { $0 / .seconds(1) }),
    ]
  }

  init(members: Members) throws(StatusReportError) {
    self.init(
      isRunning: try members.bool("running"), processID: members.optional("pid", \.integerValue),
      version: try members.string("version"),
      uptime: members.optional("uptime_seconds") { Double($0.text) }.map { .seconds($0) })
  }
}

extension StatusReport.Log {
  var json: JSONValue {
    [
      "path": .string(path), "bytes": .integer(bytes), "first_sequence": .integer(first.number),
      "last_sequence": .integer(last.number), "hold": .optional(hold),
    ]
  }

  init(members: Members) throws(StatusReportError) {
    self.init(
      path: try members.string("path"), bytes: try members.integer("bytes"),
      first: LogSequence(try members.integer("first_sequence")),
      last: LogSequence(try members.integer("last_sequence")))
    hold = members.optional("hold", \.stringValue)
  }
}

extension StatusReport.Standstill {
  var json: JSONValue {
    [
      "stage": .string(stage), "reason": .string(reason), "advice": .string(advice), "detail": .optional(detail),
      "since": since?.json ?? .null,
    ]
  }

  init(members: Members) throws(StatusReportError) {
    self.init(
      stage: try members.string("stage"), reason: try members.string("reason"), advice: try members.string("advice"),
      detail: members.optional("detail", \.stringValue), since: members.optional("since", Timestamp.init(json:)))
  }
}

extension StatusReport.Source {
  var json: JSONValue {
    [
      "name": .string(name), "kind": .string(kind.rawValue), "state": .string(state.rawValue),
      "capture_lag_seconds": .measured(captureLagSeconds), "watermark": .optional(watermark),
      "captured_total": .integer(capturedTotal), "outbox_changes": .optional(outboxChanges),
      "retained_bytes": .optional(retainedBytes), "safe_bytes": .optional(safeBytes),
      "full_in_seconds": .measured(fullInSeconds),
      "oldest_transaction_seconds": .measured(oldestTransactionSeconds),
      "oldest_transaction_holder": .optional(oldestTransactionHolder),
      "stalled": stalled?.json ?? .null,
    ]
  }

  init(members: Members) throws(StatusReportError) {
    let kind = try members.string("kind")
    self.init(
      name: try members.string("name"), kind: Kind(rawValue: kind) ?? .database, state: try members.state())
    captureLagSeconds = members.optional("capture_lag_seconds") { Double($0.text) }
    watermark = members.optional("watermark", \.stringValue)
    capturedTotal = try members.integer("captured_total")
    outboxChanges = members.optional("outbox_changes", \.integerValue)
    retainedBytes = members.optional("retained_bytes", \.integerValue)
    safeBytes = members.optional("safe_bytes", \.integerValue)
    fullInSeconds = members.optional("full_in_seconds") { Double($0.text) }
    oldestTransactionSeconds = members.optional("oldest_transaction_seconds") { Double($0.text) }
    oldestTransactionHolder = members.optional("oldest_transaction_holder", \.stringValue)
    stalled = try members.object("stalled", StatusReport.Standstill.init(members:))
  }
}

extension StatusReport.Link {
  func json(_ health: StatusReport.Health) -> JSONValue {
    [
      "name": .string(name), "local": .string(local), "remote": .string(remote), "direction": .string(direction),
      "state": .string(state.rawValue), "push": push?.json ?? .null, "pull": pull?.json ?? .null,
      "conflicts_open": .integer(conflictsOpen), "conflicts_total": .integer(conflictsTotal),
      "dead_letters": .integer(deadLetters), "verified": verified?.json ?? .null, "paused": paused?.json ?? .null,
      "health": health.json,
    ]
  }

  init(members: Members) throws(StatusReportError) {
    self.init(
      name: try members.string("name"), local: try members.string("local"), remote: try members.string("remote"),
      direction: try members.string("direction"), state: try members.state())
    push = try members.object("push", StatusReport.Way.init(members:))
    pull = try members.object("pull", StatusReport.Way.init(members:))
    conflictsOpen = try members.integer("conflicts_open")
    conflictsTotal = try members.integer("conflicts_total")
    deadLetters = try members.integer("dead_letters")
    verified = try members.object("verified", StatusReport.Verified.init(members:))
    paused = try members.object("paused", StatusReport.Pause.init(members:))
  }
}

extension StatusReport.Pause {
  var json: JSONValue { ["at": at.json, "reason": .optional(reason)] }

  init(members: Members) throws(StatusReportError) {
    self.init(at: try members.time("at"), reason: members.optional("reason", \.stringValue))
  }
}

extension StatusReport.Verified {
  var json: JSONValue {
    [
      "at": at.json, "compared": .integer(compared), "differences": .integer(differences),
      "in_flight": .integer(inFlight),
    ]
  }

  init(members: Members) throws(StatusReportError) {
    self.init(
      at: try members.time("at"), compared: try members.integer("compared"),
      differences: try members.integer("differences"), inFlight: try members.integer("in_flight"))
  }
}

extension StatusReport.Way {
  var json: JSONValue {
    [
      "pending_changes": .integer(pendingChanges), "replay_lag_seconds": .measured(replayLagSeconds),
      "delivered_total": .integer(deliveredTotal), "merged_total": .integer(mergedTotal),
      "watermark": .integer(watermark.number),
      "waiting": .integer(waiting), "stalled": stalled?.json ?? .null, "trend": trend?.json ?? .null,
    ]
  }

  init(members: Members) throws(StatusReportError) {
    self.init(
      pendingChanges: try members.integer("pending_changes"),
      replayLagSeconds: try members.number("replay_lag_seconds"),
      deliveredTotal: try members.integer("delivered_total"), mergedTotal: try members.integer("merged_total"),
      watermark: LogSequence(try members.integer("watermark")), waiting: try members.integer("waiting"),
      stalled: try members.object("stalled", StatusReport.Standstill.init(members:)))
    trend = try members.object("trend", StatusReport.Trend.init(members:))
  }
}

extension StatusReport.Conflict {
  var json: JSONValue {
    [
      "id": .integer(id), "link": .string(link), "key": .string(key),
      "fields": .array(fields.map { .string($0) }), "resolution": .string(resolution), "at": at.json,
    ]
  }

  init(members: Members) throws(StatusReportError) {
    self.init(
      id: try members.integer("id"), link: try members.string("link"), key: try members.string("key"),
      fields: members.optional("fields", \.arrayValue)?.compactMap(\.stringValue) ?? [],
      resolution: try members.string("resolution"), at: try members.time("at"))
  }
}

extension StatusReport.DeadLetter {
  var json: JSONValue {
    [
      "id": .integer(id), "link": .string(link), "direction": .string(direction), "key": .string(key),
      "reason": .string(reason), "at": at.json,
    ]
  }

  init(members: Members) throws(StatusReportError) {
    self.init(
      id: try members.integer("id"), link: try members.string("link"), direction: try members.string("direction"),
      key: try members.string("key"), reason: try members.string("reason"), at: try members.time("at"))
  }
}
