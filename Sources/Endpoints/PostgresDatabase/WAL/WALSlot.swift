import Changes
import Postgres

/// The slot and the publication of one database: what makes the server keep and decode WAL for Tidemark.
struct WALSlot: Sendable {
  /// Slots are named for a whole cluster, so the name tells the database.
  let name: String
  /// Everything before it was confirmed, and may be gone.
  let confirmed: LSN
  /// Bytes of WAL that the slot makes the server keep.
  let retainedBytes: Int64
  /// Bytes of WAL after `confirmed`. The server keeps more: also what transactions that are open need.
  let unreadBytes: Int64
  /// How many more bytes the server will keep for it; nil where there is no limit.
  let safeBytes: Int64?
  /// Why nothing can be read from it; nil if all is well.
  let fault: String?

  static let publication = "tidemark"
  /// The prefix of the logical messages that mark a transaction as Tidemark's own.
  static let mark = "tidemark"

  static func name(_ session: PostgresSession) throws -> String {
    let oid = try session.first("SELECT oid FROM pg_database WHERE datname = current_database()") { $0.integer(0) }
    return "tidemark_\(oid ?? 0)"
  }

  /// The slot of the database that `session` is connected to; nil if there is none.
  static func load(_ session: PostgresSession) throws -> WALSlot? {
    let name = try name(session)
    return try session.first(
      """
      SELECT confirmed_flush_lsn, pg_current_wal_lsn() - restart_lsn, safe_wal_size, wal_status, plugin,
        pg_current_wal_lsn() - confirmed_flush_lsn
      FROM pg_replication_slots WHERE slot_name = $1
      """, [.text(name)]
    ) { row in
      let fault: String? =
        if row.string(3) == "lost" || row.isNull(0) {
          "the server gave up the WAL that slot \(name) needed (max_slot_wal_keep_size)"
        } else if row.string(4) != "pgoutput" {
          "slot \(name) is not one of pgoutput"
        } else {
          nil
        }
      return WALSlot(
        name: name, confirmed: LSN(row.string(0)) ?? .zero, retainedBytes: row.integer(1), unreadBytes: row.integer(5),
        safeBytes: row.isNull(2) ? nil : row.integer(2), fault: fault)
    }
  }

  /// The tables of our publication, quoted, by oid; nil where there is no publication.
  static func publishedTables(_ session: PostgresSession) throws -> [Int64: String]? {
    let rows = try session.all(
      """
      SELECT m.prrelid, quote_ident(n.nspname) || '.' || quote_ident(c.relname)
      FROM pg_publication p LEFT JOIN (pg_publication_rel m JOIN pg_class c ON c.oid = m.prrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace) ON m.prpubid = p.oid
      WHERE p.pubname = $1
      """, [.text(publication)]
    ) { $0.isNull(0) ? nil : ($0.integer(0), $0.string(1)) }
    guard !rows.isEmpty else { return nil }
    return Dictionary(rows.compactMap { $0 }) { first, _ in first }
  }
}
