package import Changes
import SQLite

/// Something that happened to a change on its way besides its ending: an attempt that failed, a decision of a person.
package struct RecordNote: Hashable, Sendable {
  package let direction: Direction
  package let sequence: LogSequence
  /// What happened the last time; holds no row values.
  package let happening: Failure
  package let times: Int64
  package let firstAt: Timestamp
  package let lastAt: Timestamp
}

extension ChangeLog {
  /// The codes of what people decide.
  package static let retriedByHand = "letter.retried"
  package static let droppedByHand = "letter.dropped"

  /// What happened to the changes of one record that came from one side, oldest first.
  package func notes(of link: LinkName, _ direction: Direction, key: RecordKey) async throws -> [RecordNote] {
    try await reader.run { session in
      try session.all(
        """
        SELECT sequence, code, message, times, first_at, last_at FROM record_notes
        WHERE link = ? AND direction = ? AND key = ? ORDER BY sequence, first_at
        """, [.text(link.description), .integer(Int64(direction.rawValue)), .text(key.encoded)]
      ) { row in
        RecordNote(
          direction: direction, sequence: LogSequence(row.integer(0)),
          happening: Failure(code: row.string(1), message: row.string(2)), times: row.integer(3),
          firstAt: Timestamp(microseconds: row.integer(4)), lastAt: Timestamp(microseconds: row.integer(5)))
      }
    }
  }

  static func note(
    _ happening: Failure, _ link: [SQLiteValue], _ sequence: LogSequence, key: String, _ session: SQLiteSession
  ) throws {
    let now = SQLiteValue.integer(Timestamp.now.microseconds)
    try session.execute(
      """
      INSERT INTO record_notes (link, direction, sequence, code, key, message, times, first_at, last_at)
      VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?)
      ON CONFLICT (link, direction, sequence, code) DO UPDATE SET message = excluded.message, times = times + 1,
        last_at = excluded.last_at
      """,
      link + [.integer(sequence.number), .text(happening.code), .text(key), .text(happening.message), now, now])
  }
}
