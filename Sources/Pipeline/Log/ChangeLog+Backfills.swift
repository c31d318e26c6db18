package import Changes
import SQLite

extension ChangeLog {
  /// Asks for a backfill. A running service starts it within a second; it survives every restart until it is done.
  /// - Parameters:
  ///   - keys: the records to be read; nil: all that the options select.
  ///   - total: how many rows that will be about, where somebody has looked.
  @discardableResult
  package func requestBackfill(
    of link: LinkName, _ side: Side, reason: String, options: BackfillOptions = BackfillOptions(),
    keys: [RecordKey]? = nil, total: RowCount? = nil
  ) async throws -> Backfill {
    try await writer.transaction { session in
      try Self.requestBackfill(of: link, side, reason: reason, options: options, keys: keys, total: total, session)
    }
  }

  /// The same in a transaction of the caller's.
  @discardableResult
  static func requestBackfill(
    of link: LinkName, _ side: Side, reason: String, options: BackfillOptions = BackfillOptions(),
    keys: [RecordKey]? = nil, total: RowCount? = nil, _ session: SQLiteSession
  ) throws -> Backfill {
    var options = options
    options.hasKeys = keys != nil
    let total = keys.map { RowCount(Int64($0.count), isExact: true) } ?? total
    let now = Timestamp.now
    try session.execute(
      """
      INSERT INTO backfills (link, side, rows, state, reason, options, total, total_is_exact, requested_at, updated_at)
      VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?, ?)
      """,
      [
        .text(link.description), .integer(Int64(side.rawValue)), .text(Backfill.State.requested.rawValue),
        .text(reason), .text(options.text), total.map { .integer($0.rows) } ?? .null,
        .integer(total?.isExact == true ? 1 : 0), .integer(now.microseconds), .integer(now.microseconds),
      ])
    let id = session.lastInsertRowid
    for (index, key) in (keys ?? []).enumerated() {
      try session.execute(
        "INSERT INTO backfill_keys (backfill, number, key) VALUES (?, ?, ?)",
        [.integer(id), .integer(Int64(index) + 1), .text(key.encoded)])
    }
    return Backfill(
      id: id, link: link, side: side, reason: reason, options: options, total: total, state: .requested,
      requestedAt: now)
  }

  /// Every backfill of a link, oldest first; of every link where none is named.
  package func backfills(of link: LinkName? = nil) async throws -> [Backfill] {
    try await reader.run { session in
      try session.all(
        "SELECT \(Self.columns) FROM backfills WHERE ?1 IS NULL OR link = ?1 ORDER BY id",
        [.text(orNull: link?.description)], Self.backfill)
    }
  }

  package func backfill(_ id: Int64) async throws -> Backfill? {
    try await reader.run { try Self.backfill(id, $0) }
  }

  /// The next records of a backfill that names them.
  /// - Parameter number: how many come before them.
  package func backfillKeys(of id: Int64, after number: Int64, limit: Int) async throws -> [RecordKey] {
    try await reader.run { session in
      try session.all(
        "SELECT key FROM backfill_keys WHERE backfill = ? AND number > ? ORDER BY number LIMIT ?",
        [.integer(id), .integer(number), .integer(Int64(limit))]
      ) { try RecordKey(encoded: $0.string(0)) }
    }
  }

  // MARK: - By who carries it out

  /// Notes that a backfill begins, or goes on.
  package func begin(_ backfill: Backfill, total: RowCount?) async throws {
    try await update(
      backfill.id,
      """
      state = 'running', started_at = coalesce(started_at, ?2), total = ?3, total_is_exact = ?4, failure = NULL
      """, [total.map { .integer($0.rows) } ?? .null, .integer(total?.isExact == true ? 1 : 0)], from: Self.active)
  }

  /// Notes why a backfill rests; nil: it reads again.
  package func note(_ note: String?, of backfill: Backfill) async throws {
    try await update(backfill.id, "note = ?3", [.text(orNull: note)], from: Self.active)
  }

  /// Ends a backfill that cannot be carried out as it was asked for.
  package func fail(_ backfill: Backfill, _ failure: Failure) async throws {
    try await update(
      backfill.id, "state = 'failed', failure = ?3, note = NULL, ended_at = ?2, \(Self.endsHere)",
      [.text(failure.description)], from: Self.active)
  }

  // MARK: - By an operator

  /// Lets a backfill rest until it is resumed. The chunk under way is read again then, if it had not entered the log.
  /// - Throws: `Failure` if there is no such backfill, or none that goes on.
  package func pauseBackfill(_ id: Int64) async throws -> Backfill {
    try await change(id, "state = 'paused', note = NULL", from: Self.active, "paused")
  }

  /// Lets a backfill go on where it stopped.
  package func resumeBackfill(_ id: Int64) async throws -> Backfill {
    try await change(
      id, "state = 'requested', failure = NULL, ended_at = NULL, last_sequence = NULL",
      from: Self.active + [.paused, .failed], "resumed")
  }

  /// Ends a backfill for good. What was read already stays in the log and is delivered.
  package func cancelBackfill(_ id: Int64) async throws -> Backfill {
    try await change(
      id, "state = 'cancelled', note = NULL, ended_at = ?2, \(Self.endsHere)", from: Self.active + [.paused, .failed],
      "cancelled")
  }

  private static let active: [Backfill.State] = [.requested, .running]
  private static let endsHere = "last_sequence = (SELECT last_sequence FROM log_end)"

  private func change(
    _ id: Int64, _ assignments: String, from states: [Backfill.State], _ word: String
  ) async throws -> Backfill {
    let isChanged = try await update(id, assignments, from: states)
    guard let backfill = try await writer.run({ try Self.backfill(id, $0) }) else {
      throw Failure(
        code: "backfill.unknown", message: "there is no backfill \(id): `tidemark backfill list` shows them")
    }
    guard isChanged else {
      throw Failure(
        code: "backfill.ended", message: "backfill \(id) is \(backfill.state.rawValue) and cannot be \(word)")
    }
    return backfill
  }

  /// - Parameters:
  ///   - assignments: with `?2` for the present and the bindings from `?3` on.
  ///   - states: in another one nothing is changed.
  /// - Returns: whether it was changed.
  @discardableResult
  private func update(
    _ id: Int64, _ assignments: String, _ bindings: [SQLiteValue] = [], from states: [Backfill.State]
  ) async throws -> Bool {
    let words = states.map { "'\($0.rawValue)'" }.joined(separator: ", ")
    return try await writer.transaction { session in
      try session.execute(
        "UPDATE backfills SET \(assignments), updated_at = ?2 WHERE id = ?1 AND state IN (\(words))",
        [.integer(id), .integer(Timestamp.now.microseconds)] + bindings)
      return session.changes > 0
    }
  }

  // MARK: - Rows

  private static let columns = """
    id, link, side, reason, options, epoch, place, rows, gave_way, missing, total, total_is_exact, last_key, rate, note,
    failure, state, requested_at, started_at, ended_at
    """

  static func backfill(_ id: Int64, _ session: SQLiteSession) throws -> Backfill? {
    try session.first("SELECT \(columns) FROM backfills WHERE id = ?", [.integer(id)], backfill)
  }

  private static func backfill(_ row: SQLiteRow) throws -> Backfill {
    func time(_ column: Int) -> Timestamp? {
      row.isNull(column) ? nil : Timestamp(microseconds: row.integer(column))
    }
    var rate: Double?
    if case .real(let number) = row.value(13) { rate = number }
    return Backfill(
      id: row.integer(0), link: LinkName(row.string(1)), side: row.integer(2) == 0 ? .local : .remote,
      reason: row.string(3), options: try BackfillOptions(text: row.bytes(4)),
      place: row.isNull(5) ? nil : Position(epoch: row.string(5), place: row.string(6)), rows: row.integer(7),
      gaveWay: row.integer(8), missing: row.integer(9),
      total: row.isNull(10) ? nil : RowCount(row.integer(10), isExact: row.integer(11) == 1),
      lastKey: row.optionalString(12), rate: rate, note: row.optionalString(14), failure: row.optionalString(15),
      state: Backfill.State(rawValue: row.string(16)) ?? .requested,
      requestedAt: time(17) ?? Timestamp(microseconds: 0), startedAt: time(18), endedAt: time(19))
  }
}
