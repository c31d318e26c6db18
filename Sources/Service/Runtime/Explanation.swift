import Changes
package import Config
package import JSON
package import Log
import Server

/// The story of one record: what the log knows of it, and why nothing happened where nothing did.
package struct Explanation: Sendable {
  /// How many changes of each side are told.
  private static let changes = 10

  package let json: JSONValue
  /// One sentence a line.
  package let lines: [String]

  /// - Parameters:
  ///   - key: the local key as a person types it (`42`, `[1,"a"]`), or the remote id.
  package init(_ link: LinkSettings, key: String, log: ChangeLog) async throws {
    let found = try await Self.find(link, key, log)
    // A record that waits, or was given up, before it was linked is known by the key of its own side alone.
    let localKey = found?.local.key ?? RecordKey.typed(key)[0]
    let remoteKey = found?.remote.key ?? RecordKey(.string(key))
    var lines = [
      found == nil
        ? "Link \(link.name): \(key) at \(link.table) or \(link.object)"
        : "Link \(link.name): \(link.table) \(localKey) and \(link.object) \(remoteKey)"
    ]
    var members: [(String, JSONValue)] = [
      ("link", .string(link.name.description)), ("local_key", .string(localKey.description)),
      ("remote_key", found.map { .string($0.remote.key.description) } ?? .null),
    ]
    lines.append(Self.sentence(found))
    if let paused = try await log.pausedLinks().first(where: { $0.link == link.name }) {
      lines.append("The link has been paused since \(paused.pausedAt.text)\(paused.reason.map { ": \($0)" } ?? "").")
    }
    members.append(("base", found?.base.map { .object($0) } ?? .null))

    for direction in link.direction.directions {
      let side = direction.source
      let endpoint = side == .local ? link.table : link.object
      let key = side == .local ? localKey : remoteKey
      let history = try await log.history(of: endpoint, key: key, limit: Self.changes)
      let watermark = try await log.replayWatermark(of: link.name, direction)
      let waiting = try await log.waiting(of: link.name, direction, limit: .max).filter { $0.key == key }
      let notes = try await log.notes(of: link.name, direction, key: key)
      lines += Self.story(history, waiting, watermark, direction, endpoint)
      lines += notes.map { Self.sentence($0, direction) }
      if history.isEmpty { lines += try await Self.silence(of: endpoint, link, direction, log) }
      members.append((direction.description, .array(history.map { Self.json($0, waiting, watermark) })))
      members.append(("\(direction)_notes", .array(notes.map(Self.json))))
    }
    let conflicts = try await log.conflicts(of: link.name, openOnly: false, limit: .max)
      .filter { $0.localKey == localKey.encoded }
    lines += conflicts.map(Self.sentence)
    let letters = try await log.deadLetters(of: link.name, limit: .max)
      .filter { [localKey.encoded, remoteKey.encoded].contains($0.key) }
    lines += letters.map { "Given up at sequence \($0.sequence) (\($0.direction)): \($0.failure)" }
    members.append(("conflicts", .integer(conflicts.count)))
    members.append(("dead_letters", .integer(letters.count)))
    members.append(("lines", .array(lines.map { .string($0) })))
    self.lines = lines
    json = .object(JSONObject(members))
  }

  private static func find(_ link: LinkSettings, _ key: String, _ log: ChangeLog) async throws -> RecordState? {
    for candidate in RecordKey.typed(key) {
      if let state = try await log.state(of: link.name, .local, key: candidate) { return state }
    }
    return try await log.state(of: link.name, .remote, key: RecordKey(.string(key)))
  }

  private static func sentence(_ state: RecordState?) -> String {
    guard let state else { return "No record state: the link has not brought this record together with another one." }
    guard state.base != nil else { return "Deleted at both sides; settled with sequence \(state.sequence)." }
    return state.isAgreed
      ? "Both sides held the same linked fields when sequence \(state.sequence) was settled."
      : "The sides differed in a linked field when sequence \(state.sequence) was settled."
  }

  private static func sentence(_ conflict: ConflictRecord) -> String {
    let winner = conflict.outcome ?? "undecided"
    return "Conflict (\(conflict.kind)) at sequence \(conflict.sequence)"
      + (conflict.field.map { " in \($0)" } ?? "") + ": \(winner), policy \(conflict.policyName)."
  }

  private static func story(
    _ history: [LoggedChange], _ waiting: [WaitingChange], _ watermark: LogSequence, _ direction: Direction,
    _ endpoint: EndpointName
  ) -> [String] {
    guard !history.isEmpty else { return ["\(direction): the log holds no change of \(endpoint) for this record."] }
    return history.map { logged in
      let place = place(logged, waiting, watermark)
      let origin = words(logged.change.origin)
      let committed = logged.change.committedAt
      let time = committed == .unknown ? "" : ", committed at \(committed.text)"
      return
        "\(direction): sequence \(logged.sequence), \(logged.change.operation) at \(endpoint)\(origin)\(time): \(place)."
    }
  }

  private static func sentence(_ note: RecordNote, _ direction: Direction) -> String {
    switch note.happening.code {
    case ChangeLog.retriedByHand, ChangeLog.droppedByHand:
      return "\(direction): sequence \(note.sequence), \(note.lastAt.text): \(note.happening.message)."
    default:
      let times =
        note.times == 1 ? "an attempt failed at" : "\(note.times) attempts failed from \(note.firstAt.text) to"
      return "\(direction): sequence \(note.sequence), \(times) \(note.lastAt.text): \(note.happening)."
    }
  }

  private static func json(_ note: RecordNote) -> JSONValue {
    [
      "sequence": .integer(note.sequence.number), "code": .string(note.happening.code),
      "message": .string(note.happening.message), "times": .integer(note.times),
      "first_at": .string(note.firstAt.text), "last_at": .string(note.lastAt.text),
    ]
  }

  /// Why the log may hold nothing of a record.
  private static func silence(
    of endpoint: EndpointName, _ link: LinkSettings, _ direction: Direction, _ log: ChangeLog
  ) async throws -> [String] {
    var reasons: [String] = []
    let sources = [SourceName(endpoint.system), SourceName(of: endpoint)]
    var captured: CaptureFigures?
    for source in sources where captured == nil { captured = try await log.figures(of: source) }
    if let captured {
      reasons.append("Changes of \(endpoint.system) are captured, the last at \(captured.updatedAt.text).")
    } else {
      reasons.append("Nothing was captured of \(endpoint) yet: `tidemark status` says why.")
    }
    if let oldest = try await log.oldest(), try await log.beginning() > LogSequence(1) {
      reasons.append("The log reaches back to \(oldest.text); what was settled before is not in it any more.")
    }
    let reading = try await log.backfills(of: link.name).last { $0.side == direction.source }
    if let reading {
      reasons.append("Backfill \(reading.id) of that side is \(reading.state.rawValue), after \(reading.rows) rows.")
    } else {
      reasons.append("No backfill has read that side: a record that has not changed since is unknown here.")
    }
    return reasons.map { "\(direction): \($0)" }
  }

  private static func words(_ origin: Origin) -> String {
    switch origin {
    case .application: ""
    case .tidemark: ", written by Tidemark itself and not sent back"
    case .repair: ", sent as a repair"
    case .replay: ", applied once more"
    case .decision: ", looked at for a decision"
    }
  }

  private static func place(_ logged: LoggedChange, _ waiting: [WaitingChange], _ watermark: LogSequence) -> String {
    if let wait = waiting.first(where: { $0.sequence == logged.sequence }) {
      let due = wait.due > .now ? "; tried again at \(wait.due.text)" : ""
      return "waits after \(wait.attempts) attempts, \(wait.failure)\(due)"
    }
    return logged.sequence <= watermark ? "settled" : "in the log, its turn has not come"
  }

  private static func json(_ logged: LoggedChange, _ waiting: [WaitingChange], _ watermark: LogSequence) -> JSONValue {
    [
      "sequence": .integer(logged.sequence.number), "operation": .string("\(logged.change.operation)"),
      "origin": .string("\(logged.change.origin)"), "state": .string(place(logged, waiting, watermark)),
    ]
  }
}
