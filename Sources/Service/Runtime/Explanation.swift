import Changes
package import Config
package import JSON
package import Log

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
    members.append(("base", found?.base.map { .object($0) } ?? .null))

    for direction in link.direction.directions {
      let side = direction.source
      let endpoint = side == .local ? link.table : link.object
      let key = side == .local ? localKey : remoteKey
      let history = try await log.history(of: endpoint, key: key, limit: Self.changes)
      let watermark = try await log.replayWatermark(of: link.name, direction)
      let waiting = try await log.waiting(of: link.name, direction, limit: .max).filter { $0.key == key }
      lines += Self.story(history, waiting, watermark, direction, endpoint)
      members.append((direction.description, .array(history.map { Self.json($0, waiting, watermark) })))
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
    let winner = conflict.winnerName.map { "the \($0) won" } ?? "undecided"
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
      return "\(direction): sequence \(logged.sequence), \(logged.change.operation) at \(endpoint)\(origin): \(place)."
    }
  }

  private static func words(_ origin: Origin) -> String {
    switch origin {
    case .application: ""
    case .tidemark: ", written by Tidemark itself"
    case .repair: ", sent as a repair"
    case .replay: ", applied once more"
    }
  }

  private static func place(_ logged: LoggedChange, _ waiting: [WaitingChange], _ watermark: LogSequence) -> String {
    if let wait = waiting.first(where: { $0.sequence == logged.sequence }) {
      return "waits after \(wait.attempts) attempts, \(wait.failure)"
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
