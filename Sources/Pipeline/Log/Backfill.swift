package import Changes
import SQLite

/// One reading of a whole endpoint into the log, and how far it is.
package struct Backfill: Hashable, Sendable {
  package enum State: String, Sendable { case requested, running, done }

  package let id: Int64
  package let link: LinkName
  /// The side that is read.
  package let side: Side
  /// Where the next chunk starts; nil at the beginning, and again once done.
  package var place: Position?
  package var rows: Int64
  package var state: State
  /// Why it runs: `initial`, `requested`, or the gap it heals.
  package let reason: String
}

extension ChangeLog {
  /// Asks for a backfill. A running service starts it within a second; it survives every restart until it is done.
  @discardableResult
  package func requestBackfill(of link: LinkName, _ side: Side, reason: String) async throws -> Backfill {
    try await writer.transaction { try Self.requestBackfill(of: link, side, reason: reason, $0) }
  }

  @discardableResult
  static func requestBackfill(
    of link: LinkName, _ side: Side, reason: String, _ session: SQLiteSession
  ) throws -> Backfill {
    let now = SQLiteValue.integer(Timestamp.now.microseconds)
    try session.execute(
      """
      INSERT INTO backfills (link, side, rows, state, reason, requested_at, updated_at)
      VALUES (?, ?, 0, 'requested', ?, ?, ?)
      """, [.text(link.description), .integer(Int64(side.rawValue)), .text(reason), now, now])
    return Backfill(
      id: session.lastInsertRowid, link: link, side: side, place: nil, rows: 0, state: .requested, reason: reason)
  }

  /// Every backfill of a link, oldest first.
  package func backfills(of link: LinkName) async throws -> [Backfill] {
    try await reader.run { session in
      try session.all(
        "SELECT id, side, epoch, place, rows, state, reason FROM backfills WHERE link = ? ORDER BY id",
        [.text(link.description)]
      ) { row in
        Backfill(
          id: row.integer(0), link: link, side: row.integer(1) == 0 ? .local : .remote,
          place: row.isNull(2) ? nil : Position(epoch: row.string(2), place: row.string(3)), rows: row.integer(4),
          state: Backfill.State(rawValue: row.string(5)) ?? .requested, reason: row.string(6))
      }
    }
  }
}
