import Changes
import JSON
import Postgres

/// One page of a window of the outbox.
struct OutboxPage: Sendable {
  var changes: [Change]
  /// Tables whose changes were not kept, since the outbox had reached its budget.
  var letGo: Set<EndpointName> = []
  var through: OutboxPlace
  /// Set when the window was read to its end.
  var completeAsOf: ContinuousClock.Instant?

  private static let mostChanges = 4000
  /// Of stored (compressed) rows.
  private static let mostBytes: Int64 = 4 << 20
  private static let deletedAtOnce = 4000
  /// The operation of a note that changes of a table were not kept.
  private static let letGo: Int64 = 6

  static func read(
    after place: OutboxPlace, _ session: PostgresSession, name: (Int64) -> EndpointName?
  ) throws -> OutboxPage {
    let asOf = ContinuousClock.now
    let isContinued = place.window != nil
    let opened = isContinued ? place : try openingWindow(place, session)
    guard var window = opened.window else { return OutboxPage(changes: [], through: place) }
    var page = OutboxPage(changes: [], through: opened)
    guard window.snapshot != opened.seen else {
      page.through = OutboxPlace(seen: window.snapshot)
      page.completeAsOf = asOf
      return page
    }
    var count = 0
    var bytes: Int64 = 0
    try rows(bindings(opened, window), session) { row, isPlain in
      count += 1
      bytes = row.integer(7)
      window.lastId = row.integer(0)
      guard let endpoint = name(row.integer(1)) else { return }
      if row.integer(2) == letGo {
        page.letGo.insert(endpoint)
        return
      }
      page.changes.append(try isPlain ? plainChange(row, of: endpoint) : change(row, of: endpoint))
    }
    if count < mostChanges, bytes < mostBytes {
      page.through = OutboxPlace(seen: window.snapshot)
      // A window continued from an earlier call was opened at a moment that is not known any more.
      page.completeAsOf = isContinued ? nil : asOf
    } else {
      page.through.window = window
    }
    return page
  }

  /// A window from `place` up to now.
  static func openingWindow(_ place: OutboxPlace, _ session: PostgresSession) throws -> OutboxPlace {
    let snapshot = try Snapshot.current(session)
    return OutboxPlace(seen: place.seen, window: snapshot.map { OutboxPlace.Window(snapshot: $0, lastId: 0) })
  }

  private static func bindings(_ place: OutboxPlace, _ window: OutboxPlace.Window) -> [PostgresValue] {
    [
      .text(place.seen.text), .text(window.snapshot.text), .integer(window.lastId), .integer(Int64(mostChanges)),
      .integer(mostBytes),
    ]
  }

  /// A `json` value of the application that `jsonb` refuses fails the query: then the rows come as they are stored.
  private static func rows(
    _ bindings: [PostgresValue], _ session: PostgresSession, _ body: (PostgresRow, _ isPlain: Bool) throws -> Void
  ) throws {
    do {
      try session.rows(pageSQL(#""row"::jsonb"#, key: key), bindings) { try body($0, false) }
    } catch let error as PostgresError where error.sqlState.hasPrefix("22") {
      try session.rows(pageSQL(#""row""#, key: "to_jsonb(columns)"), bindings) { try body($0, true) }
    }
  }

  /// A key of one column is built in place: a call of the function costs more than the rest of a row.
  private static let key =
    """
    CASE cardinality(columns) WHEN 1 THEN jsonb_build_array(canonical -> columns[1])
      ELSE tidemark.key_of(canonical, columns) END
    """

  private static func pageSQL(_ row: String, key: String) -> String {
    """
    SELECT id, relation, operation, coalesce(key, \(key)), canonical, origin,
      (extract(epoch FROM at) * 1000000)::bigint, running, stamp, key IS NOT NULL
    FROM (
      SELECT page.*, \(row) AS canonical, c.key AS columns
      FROM (
        SELECT *, sum(size) OVER (ORDER BY id) AS running
        FROM (
          SELECT *, coalesce(pg_column_size("row"), 0) AS size FROM tidemark.outbox
          WHERE id > $3 AND xid >= pg_snapshot_xmin($1::pg_snapshot) AND xid < pg_snapshot_xmax($2::pg_snapshot)
            AND pg_visible_in_snapshot(xid, $2::pg_snapshot) AND NOT pg_visible_in_snapshot(xid, $1::pg_snapshot)
          ORDER BY id LIMIT $4
        ) first_rows
      ) page LEFT JOIN tidemark.captured c USING (relation)
      WHERE running - size < $5 OFFSET 0
    ) shown ORDER BY id
    """
  }

  /// A row as it is stored, with the names of its key's columns where its key was not stored.
  private static func plainChange(_ row: PostgresRow, of endpoint: EndpointName) throws -> Change {
    var change = try change(row, of: endpoint)
    guard !change.row.isEmpty else { return change }
    let plain = try PlainRow(change.row)
    change.row = plain.canonical
    if !row.bool(9) { change.key = try plain.key(change.key.values.compactMap(\.stringValue)) }
    return change
  }

  private static func change(_ row: PostgresRow, of endpoint: EndpointName) throws -> Change {
    guard let operation = Operation(rawValue: UInt8(clamping: row.integer(2))) else {
      throw Failure(
        code: "outbox.operation", message: "a row of tidemark.outbox is of a kind this version does not know: upgrade")
    }
    return Change(
      operation, of: endpoint, key: try RecordKey(encoded: row.string(3)), row: row.bytes(4),
      origin: row.integer(5) == 1 ? .tidemark : .application, stamp: Stamp(row.integer(8)),
      committedAt: Timestamp(microseconds: row.integer(6)))
  }

  /// Deletes some of the rows that `place` covers; of an open window those read so far. What a crash left behind of
  /// earlier windows goes at the latest when the window is done.
  /// - Returns: whether there may be more.
  static func delete(through place: OutboxPlace, _ session: PostgresSession) throws -> Bool {
    // The bound on id ends the search where the window was read to: without it each portion of a long outbox would end
    // in a look at all that is left.
    let deleted = try session.execute(
      """
      DELETE FROM tidemark.outbox WHERE id IN (
        SELECT id FROM tidemark.outbox WHERE id <= $2 AND pg_visible_in_snapshot(xid, $1::pg_snapshot)
        ORDER BY id LIMIT $3)
      """,
      [
        .text((place.window?.snapshot ?? place.seen).text), .integer(place.window?.lastId ?? .max),
        .integer(Int64(deletedAtOnce)),
      ])
    return deleted == deletedAtOnce
  }
}
