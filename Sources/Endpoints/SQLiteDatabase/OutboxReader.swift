import Changes
import JSON
import SQLite

/// A captured table as the outbox tells it: what is the same for every row, made once.
struct OutboxTable: Sendable {
  let endpoint: EndpointName
  /// What stands before each column's value: `{"a":`, then `,"b":` and so on.
  let labels: [[UInt8]]
  /// Places of the key's columns, in key order.
  let key: [Int]
  /// Finds the row that stands under a key now.
  let lookup: String
  /// Places of the columns that the condition of the table's restriction is asked with; nil where there is none, or
  /// the row was written before one of them was there.
  let judged: [Int]?

  /// - Parameter judged: the names of those columns.
  init(_ captured: Installation.Captured, endpoint: EndpointName, judged: [String]? = nil) {
    let places = judged?.compactMap(captured.columns.firstIndex(of:))
    self.judged = places?.count == judged?.count ? places : nil
    self.endpoint = endpoint
    labels = CanonicalValue.labels(captured.columns)
    key = captured.keys.compactMap(captured.columns.firstIndex(of:))
    let condition = captured.keys.map { quoted(sqliteIdentifier: $0) + " IS ?" }.joined(separator: " AND ")
    lookup = "SELECT 1 FROM main.\(quoted(sqliteIdentifier: captured.name)) WHERE \(condition)"
  }

  func exists(_ key: [SQLiteValue], in session: SQLiteSession) throws -> Bool {
    try session.first(lookup, key) { _ in true } ?? false
  }
}

/// Reads the outbox in short transactions. Ids are in commit order, since SQLite has one writer at a time and
/// AUTOINCREMENT never gives an id twice.
struct OutboxReader {
  /// By their number in `_tidemark_shapes`.
  let tables: [Int64: OutboxTable]

  /// A batch is this large at most, so that no reader holds a rollback-journal database's writers up for long.
  static let mostRows = 5_000
  static let mostBytes = 4 << 20

  struct Page: Sendable {
    var changes: [Change] = []
    /// Of the last row looked at.
    var through: OutboxPlace
    /// The last of the rows at the very start of the page that cannot be read: of an unknown table or an unknown kind.
    var unreadable: OutboxPlace?
    /// What conditions are asked with, by the outbox ids of the rows.
    var judged: [Int64: (table: String, row: [SQLiteValue])] = [:]
  }

  /// The changes after `place`, up to the first row that cannot be read.
  func read(after place: OutboxPlace, in session: SQLiteSession) throws -> Page {
    var page = Page(through: place)
    var displaced: [(at: Int, key: [SQLiteValue], table: OutboxTable)] = []
    var bytes = 0
    // The limit bounds rows; bytes are bounded by not stepping on.
    do {
      try session.rows(
        "SELECT * FROM main.\"_tidemark_outbox\" WHERE id > ? ORDER BY id LIMIT \(Self.mostRows)",
        [.integer(place.id)]
      ) { row in
        let here = OutboxPlace(id: row.integer(0), at: row.integer(4))
        guard let table = tables[row.integer(1)], let operation = OutboxOperation(rawValue: row.integer(2)) else {
          guard page.through == place else { throw Enough() }
          page.unreadable = here
          return
        }
        guard page.unreadable == nil, bytes < Self.mostBytes else { throw Enough() }
        page.through = here
        let change = Self.change(operation, of: table, row)
        bytes += change.row.count
        if operation == .displaced {
          displaced.append((page.changes.count, table.key.map { row.value(5 + $0) }, table))
        }
        if let judged = table.judged, change.operation != .delete {
          page.judged[here.id] = (table.endpoint.name, judged.map { row.value(5 + $0) })
        }
        page.changes.append(change)
      }
    } catch is Enough {}
    // From the back, so that the places of the earlier ones stay right.
    for check in displaced.reversed() where try check.table.exists(check.key, in: session) {
      page.changes.remove(at: check.at)
    }
    return page
  }

  private struct Enough: Error {}

  private static func change(_ operation: OutboxOperation, of table: OutboxTable, _ row: SQLiteRow) -> Change {
    var writer = JSONWriter(reserving: 32 * table.labels.count)
    for (index, label) in table.labels.enumerated() {
      writer.raw(label)
      CanonicalValue.write(row.value(5 + index), to: &writer)
    }
    writer.raw("}")
    let kind: Operation =
      switch operation {
      case .insert: .insert
      case .update: .update
      case .delete, .displaced: .delete
      }
    return Change(
      kind, of: table.endpoint, key: RecordKey(table.key.map { CanonicalValue.json(row.value(5 + $0)) }),
      row: writer.bytes, origin: row.integer(3) == 1 ? .tidemark : .application,
      stamp: Stamp(row.integer(0)), committedAt: Timestamp(microseconds: row.integer(4) * 1000))
  }
}
