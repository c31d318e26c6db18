import Changes
import JSON
import SQLite

/// A table of a SQLite database as an endpoint. A record's key is its primary key's values in key order.
struct SQLiteTable: ChangeTarget {
  let database: SQLiteDatabase
  let shape: TableShape
  /// Nil where all of its rows is told.
  let cut: RowCut?
  /// SQL that is true for the rows that may be told.
  let isTold: String

  /// - Throws: `Failure` where the restriction does not fit the table.
  init(database: SQLiteDatabase, shape: TableShape, _ restriction: RowRestriction?) throws(Failure) {
    self.database = database
    self.shape = shape
    isTold = restriction?.condition.map { "(\($0)\n)" } ?? "1"
    if let restriction {
      cut = try RowCut(restriction, columns: shape.columns.map(\.name), key: shape.keyNames, table: shape.name)
    } else {
      cut = nil
    }
  }

  func records(_ keys: [RecordKey]) async throws -> [RecordKey: Record] {
    let (shape, isTold) = (shape, isTold)
    let records = try await database.current().reader.transaction(.deferred) { session in
      let stamp = try highestStamp(in: session)
      var found: [RecordKey: Record] = [:]
      for key in keys where key.values.count == shape.key.count {
        if let record = try shape.record(key, where: isTold, stamp, in: session) { found[key] = record }
      }
      return found
    }
    return try records.mapValues(told)
  }

  /// What is told of a record.
  private func told(_ record: Record) throws -> Record {
    guard let cut else { return record }
    var record = record
    record.fields = try cut.told(of: record.fields)
    return record
  }

  func find(_ match: JSONObject) async throws -> [Record] {
    let (shape, isTold) = (shape, isTold)
    let columns = try match.members.map { try shape.column($0.name, $0.value) }
    let condition = columns.map { quoted(sqliteIdentifier: $0.column.name) + " IS ?" }.joined(separator: " AND ")
    return try await database.current().reader.transaction(.deferred) { session in
      let stamp = try highestStamp(in: session)
      return try session.all(
        "SELECT \(shape.columnList) FROM \(shape.table) WHERE \(isTold) AND \(condition.isEmpty ? "1" : condition) LIMIT 2",
        columns.map(\.binding)
      ) { shape.record($0, stamp) }
    }.map(told)
  }

  /// In key order. Rows whose key holds a NULL, which SQLite allows in old tables, come only with the first chunk.
  func chunk(from position: Position?, limit: Int) async throws -> Chunk {
    let (shape, isTold) = (shape, isTold)
    let after = try position.map { try RecordKey(encoded: $0.place) }
    let names = shape.keyNames.map(quoted(sqliteIdentifier:)).joined(separator: ", ")
    let places = shape.key.map { _ in "?" }.joined(separator: ", ")
    let condition = after == nil ? "" : " AND (\(names)) > (\(places))"
    let chunk = try await database.current().reader.transaction(.deferred) { session in
      let stamp = try highestStamp(in: session)
      let records = try session.all(
        "SELECT \(shape.columnList) FROM \(shape.table) WHERE \(isTold)\(condition) ORDER BY \(names) LIMIT \(max(1, limit))",
        after.map(shape.bindings) ?? []
      ) { shape.record($0, stamp) }
      let last = records.count < max(1, limit) ? nil : records.last
      return Chunk(records, next: last.map { Position(epoch: "", place: $0.key.encoded) })
    }
    return Chunk(try chunk.records.map(told), next: chunk.next)
  }

  func apply(_ writes: [Write]) async -> [Outcome] {
    do {
      let outcomes = try await database.current().writer.run {
        TableWriter(shape: shape, session: $0).apply(writes)
      }
      return if let cut { try outcomes.map { try $0.told(by: cut) } } else { outcomes }
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

  /// - Parameter condition: what else must be true of the row.
  func record(
    _ key: RecordKey, where condition: String = "1", _ stamp: Stamp, in session: SQLiteSession
  ) throws -> Record? {
    let sql = "SELECT \(columnList) FROM \(table) WHERE \(condition) AND \(keyCondition)"
    return try session.first(sql, bindings(key)) { record($0, stamp) }
  }

  /// The row that a statement over `columnList` stands on.
  func record(_ row: SQLiteRow, _ stamp: Stamp) -> Record {
    let values = columns.indices.map { CanonicalValue.json(row.value($0)) }
    return Record(
      key: RecordKey(key.map { values[$0] }), fields: JSONObject(zip(columns.map(\.name), values)), stamp: stamp)
  }
}
