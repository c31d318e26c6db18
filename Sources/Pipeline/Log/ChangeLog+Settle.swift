package import Changes
import JSON
import SQLite

extension ChangeLog {
  /// Where replay of a link goes on.
  package func replayWatermark(of link: LinkName, _ direction: Direction) async throws -> LogSequence {
    try await reader.run { try Self.replayWatermark(of: link, direction, $0) }
  }

  static func replayWatermark(
    of link: LinkName, _ direction: Direction, _ session: SQLiteSession
  ) throws -> LogSequence {
    try session.first(
      "SELECT sequence FROM replay_watermarks WHERE link = ? AND direction = ?",
      [.text(link.description), .integer(Int64(direction.rawValue))]
    ) { LogSequence($0.integer(0)) } ?? .start
  }

  /// Counts the failed commits. Whoever settles names the term in which it read its watermark.
  package nonisolated var term: Int { settlements.term }

  /// Remembers how a change ended: watermark, record state, base, waiting, dead letter and conflicts in one
  /// transaction. Settlements that arrive while another commits share the next commit.
  ///
  /// Calls from one actor are committed in the order in which they were made, whatever else is awaited meanwhile.
  /// - Throws: `LogError.commitFailed` if nothing of it counts; the caller starts again from the watermark.
  package nonisolated func settle(_ settlement: Settlement, term: Int) async throws {
    try await commit(.settlement(settlement), term: term)
  }

  nonisolated func commit(_ entry: SettlementQueue.Entry, term: Int) async throws {
    guard try await settlements.join(entry, term: term) == .lead else { return }
    let group = settlements.takeGroup()
    do {
      try await commit([entry] + group.map(\.entry))
    } catch {
      let failure = LogError.commitFailed("\(error)")
      settlements.fail(group, with: failure)
      throw failure
    }
    settlements.succeed(group)
  }

  private func commit(_ entries: [SettlementQueue.Entry]) async throws {
    try await writer.transaction { session in
      for entry in entries {
        switch entry {
        case .settlement(let settlement): try Self.settle(settlement, session)
        case .intent(let intent): try Self.save(intent, session)
        }
      }
    }
  }

  private static func settle(_ settlement: Settlement, _ session: SQLiteSession) throws {
    let link: [SQLiteValue] = [.text(settlement.link.description), .integer(Int64(settlement.direction.rawValue))]
    let now = SQLiteValue.integer(Timestamp.now.microseconds)
    try session.execute(
      """
      INSERT INTO replay_watermarks (link, direction, sequence, updated_at) VALUES (?, ?, ?, ?)
      ON CONFLICT (link, direction) DO UPDATE SET sequence = max(sequence, excluded.sequence),
        updated_at = excluded.updated_at
      """, link + [.integer(settlement.watermark.number), now])
    try session.execute(
      """
      INSERT INTO settled_counts (link, direction, ending, changes) VALUES (?, ?, ?, 1)
      ON CONFLICT (link, direction, ending) DO UPDATE SET changes = changes + 1
      """, link + [.text(settlement.ending.rawValue)])
    if let state = settlement.state {
      try save(state, of: settlement.link, session)
      for end in Side.allCases { try wake(settlement.link, end, state[end].key, session) }
      try closeConflicts(of: state, settlement, session)
    }
    try session.execute(
      "DELETE FROM waiting_changes WHERE link = ? AND direction = ? AND sequence = ?",
      link + [.integer(settlement.sequence.number)])
    if let waiting = settlement.waiting {
      try save(waiting, link, session)
    } else {
      try session.execute(
        "DELETE FROM intents WHERE link = ? AND direction = ? AND key = ? AND sequence <= ?",
        link + [.text(settlement.key.encoded), .integer(settlement.sequence.number)])
    }
    for intent in settlement.absorbed { try remove(intent, session) }
    if let letter = settlement.deadLetter { try save(letter, link, session) }
    if let attempt = settlement.attempt {
      try note(attempt, link, settlement.sequence, key: settlement.key.encoded, session)
    }
    for conflict in settlement.conflicts { try save(conflict, link, session) }
  }

  /// Children that waited for this record to be known are due at once.
  private static func wake(_ link: LinkName, _ side: Side, _ key: RecordKey, _ session: SQLiteSession) throws {
    try session.execute(
      "UPDATE waiting_changes SET due_at = 0, waits_for = NULL WHERE waits_for = ?",
      [.text(RecordReference(link: link, side: side, key: key).description)])
  }

  private static func save(_ waiting: WaitingChange, _ link: [SQLiteValue], _ session: SQLiteSession) throws {
    try session.execute(
      """
      INSERT INTO waiting_changes (link, direction, sequence, key, attempts, due_at, waits_for, code, message, since)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """,
      link + [
        .integer(waiting.sequence.number), .text(waiting.key.encoded), .integer(Int64(waiting.attempts)),
        .integer(waiting.due.microseconds), .text(orNull: waiting.waitsFor?.description), .text(waiting.failure.code),
        .text(waiting.failure.message), .integer(waiting.since.microseconds),
      ])
  }

  private static func save(_ letter: DeadLetter, _ link: [SQLiteValue], _ session: SQLiteSession) throws {
    try session.execute(
      """
      INSERT OR IGNORE INTO dead_letters (link, direction, sequence, key, frame, code, message, died_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      """,
      link + [
        .integer(letter.sequence.number), .text(letter.key), .blob(letter.logged.map(BlockCodec.frame) ?? []),
        .text(letter.failure.code), .text(letter.failure.message), .integer(letter.diedAt.microseconds),
      ])
  }
}
