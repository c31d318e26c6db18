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
  /// The linked fields to be written; the source held the same.
  package let fields: JSONObject
  package let isCreate: Bool

  package init(
    link: LinkName, direction: Direction, key: RecordKey, sequence: LogSequence, fields: JSONObject, isCreate: Bool
  ) {
    self.link = link
    self.direction = direction
    self.key = key
    self.sequence = sequence
    self.fields = fields
    self.isCreate = isCreate
  }
}

/// All the log knows of a record when a delivery begins.
package struct Standing: Sendable {
  package var state: RecordState?
  /// Writes of either direction that were interrupted.
  package var intents: [Intent]
}

extension ChangeLog {
  /// Notes a write before it happens. Notes of a record and direction are kept until their change is settled, in order:
  /// where it is interrupted more than once, any of them may be the one that happened.
  /// - Throws: `LogError.commitFailed` if it is not on disk; nothing may be written then.
  package nonisolated func intend(_ intent: Intent, term: Int) async throws {
    try await commit(.intent(intent), term: term)
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
      return Standing(state: state, intents: intents)
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
        "SELECT key, sequence, fields FROM intents WHERE link = ? AND direction = ? AND is_create = 1 ORDER BY number",
        [.text(link.description), .integer(Int64(direction.rawValue))]
      ) { row in
        Intent(
          link: link, direction: direction, key: try RecordKey(encoded: row.string(0)),
          sequence: LogSequence(row.integer(1)), fields: try JSONObject(parsing: row.bytes(2)), isCreate: true)
      }
    }
  }

  private static func intents(
    of link: LinkName, _ direction: Direction, _ key: RecordKey, _ session: SQLiteSession
  ) throws -> [Intent] {
    try session.all(
      "SELECT sequence, fields, is_create FROM intents WHERE link = ? AND direction = ? AND key = ? ORDER BY number",
      [.text(link.description), .integer(Int64(direction.rawValue)), .text(key.encoded)]
    ) { row in
      Intent(
        link: link, direction: direction, key: key, sequence: LogSequence(row.integer(0)),
        fields: try JSONObject(parsing: row.bytes(1)), isCreate: row.integer(2) == 1)
    }
  }

  static func save(_ intent: Intent, _ session: SQLiteSession) throws {
    // The same once more, after a pause or a crash, is one.
    try remove(intent, session)
    try session.execute(
      "INSERT INTO intents (link, direction, key, fields, is_create, sequence) VALUES (?, ?, ?, ?, ?, ?)",
      values(intent) + [.integer(intent.sequence.number)])
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
