import Changes
import JSON
import SQLite

/// A table of a SQLite database as an endpoint. A record's key is its primary key's values in key order.
struct SQLiteTable: ChangeTarget {
  let database: SQLiteDatabase
  let shape: TableShape

  func records(_ keys: [RecordKey]) async throws -> [RecordKey: Record] {
    let shape = shape
    return try await database.current().reader.transaction(.deferred) { session in
      let stamp = try highestStamp(in: session)
      var found: [RecordKey: Record] = [:]
      for key in keys where key.values.count == shape.key.count {
        if let record = try shape.record(key, stamp, in: session) { found[key] = record }
      }
      return found
    }
  }

  func find(_ match: JSONObject) async throws -> [Record] {
    let shape = shape
    let columns = try match.members.map { try shape.column($0.name, $0.value) }
    let condition = columns.map { quoted(sqliteIdentifier: $0.column.name) + " IS ?" }.joined(separator: " AND ")
    return try await database.current().reader.transaction(.deferred) { session in
      let stamp = try highestStamp(in: session)
      return try session.all(
        "SELECT \(shape.columnList) FROM \(shape.table) WHERE \(condition.isEmpty ? "1" : condition) LIMIT 2",
        columns.map(\.binding)
      ) { shape.record($0, stamp) }
    }
  }

  /// In key order. Rows whose key holds a NULL, which SQLite allows in old tables, come only with the first chunk.
  func chunk(from position: Position?, limit: Int) async throws -> Chunk {
    let shape = shape
    let after = try position.map { try RecordKey(encoded: $0.place) }
    let names = shape.keyNames.map(quoted(sqliteIdentifier:)).joined(separator: ", ")
    let places = shape.key.map { _ in "?" }.joined(separator: ", ")
    let condition = after == nil ? "" : " WHERE (\(names)) > (\(places))"
    return try await database.current().reader.transaction(.deferred) { session in
      let stamp = try highestStamp(in: session)
      let records = try session.all(
        "SELECT \(shape.columnList) FROM \(shape.table)\(condition) ORDER BY \(names) LIMIT \(max(1, limit))",
        after.map(shape.bindings) ?? []
      ) { shape.record($0, stamp) }
      let last = records.count < max(1, limit) ? nil : records.last
      return Chunk(records, next: last.map { Position(epoch: "", place: $0.key.encoded) })
    }
  }

  func apply(_ writes: [Write]) async -> [Outcome] {
    do {
      return try await database.current().writer.run { TableWriter(shape: shape, session: $0).apply(writes) }
    } catch {
      let failure = error as? Failure ?? Failure(code: "sqlite.open", message: "\(error)")
      return writes.map { _ in .unavailable(failure, after: nil) }
    }
  }
}

extension TableShape {
  /// What to bind for a key, in key order.
  func bindings(_ key: RecordKey) -> [SQLiteValue] {
    zip(self.key, key.values).map { CanonicalValue.binding($1, for: columns[$0]) }
  }

  /// - Throws: `Failure` if the table has no such column.
  func column(_ name: String, _ value: JSONValue) throws(Failure) -> (column: Column, binding: SQLiteValue) {
    guard let column = columns.first(where: { $0.name == name }) else {
      throw Failure(code: "table.no-column", message: "table \(self.name) has no column \(name)")
    }
    return (column, CanonicalValue.binding(value, for: column))
  }

  func record(_ key: RecordKey, _ stamp: Stamp, in session: SQLiteSession) throws -> Record? {
    try session.first("SELECT \(columnList) FROM \(table) WHERE \(keyCondition)", bindings(key)) { record($0, stamp) }
  }

  /// The row that a statement over `columnList` stands on.
  func record(_ row: SQLiteRow, _ stamp: Stamp) -> Record {
    let values = columns.indices.map { CanonicalValue.json(row.value($0)) }
    return Record(
      key: RecordKey(key.map { values[$0] }), fields: JSONObject(zip(columns.map(\.name), values)), stamp: stamp)
  }
}
