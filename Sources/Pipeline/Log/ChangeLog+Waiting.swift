package import Changes
import JSON
import SQLite

extension ChangeLog {
  /// The first waiting change of each record whose time has come, longest due first.
  package func due(of link: LinkName, _ direction: Direction, limit: Int) async throws -> [WaitingChange] {
    try await waiting(
      """
      link = ? AND direction = ? AND due_at <= ? AND NOT EXISTS (
        SELECT 1 FROM waiting_changes AS earlier
        WHERE earlier.link = waiting_changes.link AND earlier.direction = waiting_changes.direction
          AND earlier.key = waiting_changes.key AND earlier.sequence < waiting_changes.sequence)
      ORDER BY due_at LIMIT ?
      """,
      [
        .text(link.description), .integer(Int64(direction.rawValue)), .integer(Timestamp.now.microseconds),
        .integer(Int64(limit)),
      ])
  }

  /// What waits of a link, in sequence order.
  package func waiting(of link: LinkName, _ direction: Direction, limit: Int) async throws -> [WaitingChange] {
    try await waiting(
      "link = ? AND direction = ? ORDER BY sequence LIMIT ?",
      [.text(link.description), .integer(Int64(direction.rawValue)), .integer(Int64(limit))])
  }

  private func waiting(_ condition: String, _ bindings: [SQLiteValue]) async throws -> [WaitingChange] {
    try await reader.run { session in
      try session.all(
        """
        SELECT sequence, key, attempts, due_at, waits_for, code, message, since FROM waiting_changes WHERE \(condition)
        """, bindings
      ) { row in
        WaitingChange(
          sequence: LogSequence(row.integer(0)), key: try RecordKey(encoded: row.string(1)),
          attempts: Int(row.integer(2)), due: Timestamp(microseconds: row.integer(3)),
          waitsFor: row.optionalString(4).flatMap(RecordReference.init(description:)),
          failure: Failure(code: row.string(5), message: row.string(6)), since: Timestamp(microseconds: row.integer(7)))
      }
    }
  }

  static func direction(_ row: SQLiteRow, _ column: Int) -> Direction {
    Direction(rawValue: UInt8(clamping: row.integer(column))) ?? .push
  }
}
