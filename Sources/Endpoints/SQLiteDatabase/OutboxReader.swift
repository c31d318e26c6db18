import Changes
import JSON
import SQLite

/// Reads the outbox in short transactions. Ids are in commit order, since SQLite has one writer at a time and
/// AUTOINCREMENT never gives an id twice.
struct OutboxReader {
  let system: String
  /// What the configuration calls a table, by its own name.
  let names: [String: String]

  /// A batch is this large at most, so that no reader holds a rollback-journal database's writers up for long.
  static let mostRows = 5_000
  static let mostBytes = 4 << 20

  /// The changes after `place` and the id of the last row looked at.
  func read(after place: Int64, _ captured: [Int64: Installation.Captured], in session: SQLiteSession) throws
    -> (changes: [Change], through: Int64)
  {
    var changes: [Change] = []
    var displaced: [(at: Int, row: [SQLiteValue], shape: Installation.Captured)] = []
    var through = place
    var bytes = 0
    // Stopping is a matter of not stepping on: the limit bounds rows, the throw below bounds bytes.
    do {
      try session.rows(
        "SELECT * FROM \"_tidemark_outbox\" WHERE id > ? ORDER BY id LIMIT \(Self.mostRows)", [.integer(place)]
      ) { row in
        if bytes >= Self.mostBytes { throw Full() }
        through = row.integer(0)
        guard let shape = captured[row.integer(1)], let operation = OutboxOperation(rawValue: row.integer(2)) else {
          return
        }
        let values = shape.columns.indices.map { row.value(5 + $0) }
        let change = self.change(operation, values, shape, row)
        bytes += change.row.count
        if operation == .displaced { displaced.append((changes.count, values, shape)) }
        changes.append(change)
      }
    } catch is Full {}
    // From the back, so that the places of the earlier ones stay right.
    for check in displaced.reversed() where try exists(check.row, check.shape, in: session) {
      changes.remove(at: check.at)
    }
    return (changes, through)
  }

  private struct Full: Error {}

  private func change(
    _ operation: OutboxOperation, _ values: [SQLiteValue], _ shape: Installation.Captured, _ row: SQLiteRow
  ) -> Change {
    var writer = JSONWriter(reserving: 32 * values.count)
    for (index, name) in shape.columns.enumerated() {
      writer.raw(index == 0 ? "{" : ",")
      writer.write(string: name.utf8)
      writer.raw(":")
      CanonicalValue.write(values[index], to: &writer)
    }
    writer.raw("}")
    let key = shape.keys.map { name in
      shape.columns.firstIndex(of: name).map { CanonicalValue.json(values[$0]) } ?? .null
    }
    let kind: Operation =
      switch operation {
      case .insert: .insert
      case .update: .update
      case .delete, .displaced: .delete
      }
    return Change(
      kind, of: EndpointName(system: system, name: names[shape.name] ?? shape.name), key: RecordKey(key),
      row: writer.bytes, origin: row.integer(3) == 1 ? .tidemark : .application,
      stamp: Stamp(row.integer(0)), committedAt: Timestamp(microseconds: row.integer(4) * 1000))
  }

  private func exists(_ row: [SQLiteValue], _ shape: Installation.Captured, in session: SQLiteSession) throws -> Bool {
    let condition = shape.keys.map { quoted(sqliteIdentifier: $0) + " IS ?" }.joined(separator: " AND ")
    let key = shape.keys.map { name in shape.columns.firstIndex(of: name).map { row[$0] } ?? .null }
    return try session.first(
      "SELECT 1 FROM main.\(quoted(sqliteIdentifier: shape.name)) WHERE \(condition)", key
    ) { _ in true } ?? false
  }
}

/// The highest outbox id ever given; 0 where nothing is installed or nothing was captured yet.
func highestStamp(in session: SQLiteSession) throws -> Stamp {
  let isThere =
    try session.first(
      "SELECT 1 FROM main.sqlite_schema WHERE name = '_tidemark_outbox'"
    ) { _ in true } ?? false
  guard isThere else { return Stamp(0) }
  return Stamp(
    try session.first("SELECT seq FROM main.sqlite_sequence WHERE name = '_tidemark_outbox'") { $0.integer(0) } ?? 0)
}
