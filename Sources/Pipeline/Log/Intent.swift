package import Changes
package import JSON
import SQLite

/// What a delivery is about to write, on disk before it does.
///
/// A process that dies between a write and its settlement leaves the target changed and the base behind. Without a note
/// the other direction would take Tidemark's own value for somebody's edit, and could let it win over a newer one.
package struct Intent: Hashable, Sendable {
  package let link: LinkName
  package let direction: Direction
  /// At the source.
  package let key: RecordKey
  /// The change that is delivered. After a crash changes that were settled before it may be delivered once more, and their
  /// settlement must not make its write forgotten.
  package let sequence: LogSequence
  /// The linked fields to be written; the source held the same, but for `held`.
  package let fields: JSONObject
  package let isCreate: Bool
  /// What the source held of the fields where it was something else: the write joins it with what the target held.
  package let held: JSONObject
  /// What the target was taken to hold of the fields; nil: no record.
  package let before: JSONObject?

  package init(
    link: LinkName, direction: Direction, key: RecordKey, sequence: LogSequence, fields: JSONObject, isCreate: Bool,
    held: JSONObject = [:], before: JSONObject? = nil
  ) {
    self.link = link
    self.direction = direction
    self.key = key
    self.sequence = sequence
    self.fields = fields
    self.isCreate = isCreate
    self.held = held
    self.before = before
  }
}

/// All the log knows of a record when a delivery begins.
package struct Standing: Sendable {
  package var state: RecordState?
  /// Writes of either direction that were interrupted.
  package var intents: [Intent]
  /// What people said about the record's conflicts and is not carried out yet.
  package var rulings: [Ruling] = []
}

extension ChangeLog {
  /// Notes a write before it happens. Notes of a record and direction are kept until their change is settled, in order:
  /// where it is interrupted more than once, any of them may be the one that happened.
  /// - Throws: `LogError.commitFailed` if it is not on disk; nothing may be written then.
  package nonisolated func intend(_ intent: Intent, term: Int) async throws {
    try await commit(.intent(intent), term: term)
  }

  /// Forgets a write that was noted and certainly did not happen.
  package func withdraw(_ intent: Intent) async throws {
    try await writer.transaction { try Self.remove(intent, $0) }
  }

  /// The record that has `key` at `side`, with what was interrupted.
  package func standing(of link: LinkName, _ side: Side, key: RecordKey) async throws -> Standing {
    try await reader.run { session in
      let state = try Self.state(of: link, side, key, session)
      let direction: Direction = side == .local ? .push : .pull
      var intents = try Self.intents(of: link, direction, key, session)
      if let other = state?[side.opposite].key {
        intents += try Self.intents(of: link, direction.opposite, other, session)
      }
      let rulings = try state.map { try Self.rulings(of: link, $0.local.key, session) }
      return Standing(state: state, intents: intents, rulings: rulings ?? [])
    }
  }

  /// The interrupted write of the record that has `key` at the direction's source.
  package func intents(of link: LinkName, _ direction: Direction, key: RecordKey) async throws -> [Intent] {
    try await reader.run { session in try Self.intents(of: link, direction, key, session) }
  }

  /// The interrupted writes of a link and direction that made a record, whichever.
  package func creates(of link: LinkName, _ direction: Direction) async throws -> [Intent] {
    try await reader.run { session in
      try session.all(
        """
        SELECT key, sequence, fields, held, before FROM intents
        WHERE link = ? AND direction = ? AND is_create = 1 ORDER BY number
        """,
        [.text(link.description), .integer(Int64(direction.rawValue))]
      ) { row in
        Intent(
          link: link, direction: direction, key: try RecordKey(encoded: row.string(0)),
          sequence: LogSequence(row.integer(1)), fields: try JSONObject(parsing: row.bytes(2)), isCreate: true,
          held: try Self.object(row, 3) ?? [:], before: try Self.object(row, 4))
      }
    }
  }

  private static func intents(
    of link: LinkName, _ direction: Direction, _ key: RecordKey, _ session: SQLiteSession
  ) throws -> [Intent] {
    try session.all(
      """
      SELECT sequence, fields, is_create, held, before FROM intents
      WHERE link = ? AND direction = ? AND key = ? ORDER BY number
      """,
      [.text(link.description), .integer(Int64(direction.rawValue)), .text(key.encoded)]
    ) { row in
      Intent(
        link: link, direction: direction, key: key, sequence: LogSequence(row.integer(0)),
        fields: try JSONObject(parsing: row.bytes(1)), isCreate: row.integer(2) == 1,
        held: try Self.object(row, 3) ?? [:],
        before: try Self.object(row, 4))
    }
  }

  private static func object(_ row: SQLiteRow, _ column: Int) throws -> JSONObject? {
    row.isNull(column) ? nil : try JSONObject(parsing: row.bytes(column))
  }

  static func save(_ intent: Intent, _ session: SQLiteSession) throws {
    // The same once more, after a pause or a crash, is one.
    try remove(intent, session)
    try session.execute(
      """
      INSERT INTO intents (link, direction, key, fields, is_create, sequence, held, before)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      """,
      values(intent) + [
        .integer(intent.sequence.number), .text(orNull: intent.held.isEmpty ? nil : intent.held.text),
        .text(orNull: intent.before?.text),
      ])
  }

  static func remove(_ intent: Intent, _ session: SQLiteSession) throws {
    try session.execute(
      "DELETE FROM intents WHERE link = ? AND direction = ? AND key = ? AND fields = ? AND is_create = ?",
      values(intent))
  }

  private static func values(_ intent: Intent) -> [SQLiteValue] {
    [
      .text(intent.link.description), .integer(Int64(intent.direction.rawValue)), .text(intent.key.encoded),
      .text(intent.fields.text), .integer(intent.isCreate ? 1 : 0),
    ]
  }
}
