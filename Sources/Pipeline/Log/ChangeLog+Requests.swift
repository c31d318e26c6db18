package import Changes
import JSON
import SQLite

/// Requests that ended stay this long, for whoever asked.
private let requestMemory: Int64 = 86_400_000_000

extension ChangeLog {
  /// Leaves a request for the service that writes this log. Any process may.
  package func ask(_ work: ControlRequest.Work, of link: LinkName) async throws -> ControlRequest {
    try await writer.transaction { session in
      let now = Timestamp.now.microseconds
      try session.execute(
        "DELETE FROM requests WHERE state <> 'requested' AND updated_at < ?", [.integer(now - requestMemory)])
      try session.execute(
        """
        INSERT INTO requests (link, kind, detail, state, place, changes, last_change, requested_at, updated_at)
        VALUES (?, ?, ?, 'requested', 0, 0, 0, ?, ?)
        """,
        [.text(link.description), .text(work.kind), .text(work.detail.text), .integer(now), .integer(now)])
      return ControlRequest(
        id: session.lastInsertRowid, link: link, work: work, state: .requested, place: .start, changes: 0, last: .start,
        message: nil)
    }
  }

  /// What was asked for and is not done, oldest first.
  package func openRequests() async throws -> [ControlRequest] {
    try await requests("state = 'requested' ORDER BY id", [])
  }

  package func request(_ id: Int64) async throws -> ControlRequest? {
    try await requests("id = ?", [.integer(id)]).first
  }

  private func requests(_ condition: String, _ bindings: [SQLiteValue]) async throws -> [ControlRequest] {
    try await reader.run { session in try Self.requests(condition, bindings, session) }
  }

  /// Without those that another version of Tidemark asked for.
  static func requests(
    _ condition: String, _ bindings: [SQLiteValue], _ session: SQLiteSession
  ) throws -> [ControlRequest] {
    try session.all(
      "SELECT id, link, kind, detail, state, place, changes, last_change, message FROM requests WHERE \(condition)",
      bindings
    ) { row -> ControlRequest? in
      guard let work = ControlRequest.Work(kind: row.string(2), detail: try JSONObject(parsing: row.bytes(3))),
        let state = ControlRequest.State(rawValue: row.string(4))
      else { return nil }
      return ControlRequest(
        id: row.integer(0), link: LinkName(row.string(1)), work: work, state: state,
        place: LogSequence(row.integer(5)), changes: row.integer(6), last: LogSequence(row.integer(7)),
        message: row.optionalString(8))
    }.compactMap { $0 }
  }

  /// Puts changes on disk for a request, together with how far it is: what is killed in between is not done twice.
  /// - Parameter letters: the dead letters that these changes were; they are none any more.
  package func append(
    _ changes: [Change], for request: ControlRequest, place: LogSequence, state: ControlRequest.State,
    of letters: [Int64] = []
  ) async throws -> ControlRequest {
    var next = request
    next.place = place
    next.state = state
    next.changes += Int64(changes.count)
    let saved = next
    next = try await writer.transaction { session in
      var saved = saved
      let end = try Self.appendBlocks(changes, from: SourceName(saved.work.kind), session)
      if !changes.isEmpty { saved.last = end }
      let decision = Failure(
        code: Self.retriedByHand, message: "somebody had it tried again, with sequence \(end) or before")
      _ = try Self.take(letters, decision, session)
      try Self.save(saved, session)
      return saved
    }
    ring(changes)
    return next
  }

  /// Ends a request that puts nothing into the log, or that failed.
  /// - Parameter message: what there is to say of one that was done.
  package func end(_ request: ControlRequest, failure: String? = nil, message: String? = nil) async throws {
    var ended = request
    ended.state = failure == nil ? .done : .failed
    ended.message = failure ?? message
    let saved = ended
    try await writer.transaction { try Self.save(saved, $0) }
  }

  private static func save(_ request: ControlRequest, _ session: SQLiteSession) throws {
    try session.execute(
      "UPDATE requests SET state = ?, place = ?, changes = ?, last_change = ?, message = ?, updated_at = ? WHERE id = ?",
      [
        .text(request.state.rawValue), .integer(request.place.number), .integer(request.changes),
        .integer(request.last.number), .text(orNull: request.message), .integer(Timestamp.now.microseconds),
        .integer(request.id),
      ])
  }
}
