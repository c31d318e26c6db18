import Postgres

/// The composite types that a table's columns are made of, as the catalogue had them at one moment. `ALTER TYPE` changes
/// them, and the stream does not tell.
struct WALTypes: Hashable, Sendable {
  /// The columns' types.
  let columns: [UInt32]
  /// Differs whenever an attribute was added, dropped, renamed or changed.
  private let print: String
  /// The transaction that changed an attribute last.
  private let changedBy: UInt32

  /// Nil where none of the types is, or holds, a composite one.
  static func load(_ columns: [UInt32], _ session: PostgresSession) throws -> WALTypes? {
    let list = "{" + columns.map { String($0) }.joined(separator: ",") + "}"
    return try session.first(catalog, [.text(list)]) { row -> WALTypes? in
      guard let print = row.optionalString(0) else { return nil }
      return WALTypes(columns: columns, print: print, changedBy: UInt32(truncatingIfNeeded: row.integer(1)))
    } ?? nil
  }

  /// Whether a transaction began before the types became what they are: its rows may have been written under others.
  /// - Parameter xid: without its epoch, as the WAL tells it.
  func areNewer(than xid: UInt32) -> Bool { Int32(bitPattern: xid &- changedBy) < 0 }

  /// Dropped attributes are looked at as well: dropping leaves no other trace.
  private static let catalog = """
    WITH RECURSIVE needed (oid) AS (
      SELECT unnest($1::oid[])
      UNION
      SELECT part.oid
      FROM needed JOIN pg_catalog.pg_type t ON t.oid = needed.oid
      CROSS JOIN LATERAL (
        SELECT t.typbasetype WHERE t.typtype = 'd'
        UNION ALL SELECT t.typelem WHERE t.typelem <> 0
        UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a
        WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0
      ) AS part (oid)
    )
    SELECT
      string_agg(concat_ws(' ', a.attrelid, a.attnum, a.attname, a.xmin), ',' ORDER BY a.attrelid, a.attnum),
      (array_agg(a.xmin::text::bigint ORDER BY age(a.xmin)))[1]
    FROM needed
    JOIN pg_catalog.pg_type t ON t.oid = needed.oid AND t.typtype = 'c'
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.typrelid AND a.attnum > 0
    """
}
