import Changes
import JSON
import ODBC

extension SQLObject {
  func records(_ keys: [RecordKey]) async throws -> [RecordKey: Record] {
    try await read { session, shape in
      let stamp = stamps.now()
      let sql = shape.dialect.select(shape.list, from: shape.sql, where: [shape.keyCondition], limit: 1)
      var found: [RecordKey: Record] = [:]
      for key in keys {
        guard let parameters = try? shape.parameters(key) else { continue }
        let fields = try session.first(sql, parameters) { shape.fields($0) }
        // A collation may find a key that is written otherwise: it is asked for under this name.
        if let record = fields.flatMap({ record($0, shape, stamp) }) { found[key] = record }
      }
      return found
    }
  }

  func find(_ match: JSONObject) async throws -> [Record] {
    try await read { session, shape in
      let stamp = stamps.now()
      var (conditions, parameters): ([String], [ODBCParameter]) = ([], [])
      for (name, value) in match.members {
        let column = try shape.column(name)
        if value.isNull {
          conditions.append("\(column.sql) IS NULL")
        } else {
          conditions.append("\(column.sql) = \(shape.dialect.place(for: column))")
          parameters.append(try SQLValue.parameter(value, for: column))
        }
      }
      // Rows that count as deleted may be among the first two.
      let sql = shape.dialect.select(
        shape.list, from: shape.sql, where: conditions, limit: rules.deleted == nil ? 2 : nil)
      var records: [Record] = []
      do {
        try session.rows(sql, parameters) { row in
          if let record = record(shape.fields(row), shape, stamp) { records.append(record) }
          if records.count == 2 { throw Enough() }
        }
      } catch is Enough {}
      return records
    }
  }

  func chunk(from position: Position?, limit: Int) async throws -> Chunk {
    let (records, next) = try await page(BackfillSelection.everything, from: position, limit: limit)
    return Chunk(records, next: next)
  }

  /// By the database's estimate.
  func rowCount(_ selection: BackfillSelection) async throws -> RowCount? {
    _ = try await page(selection, from: nil, limit: 1)
    guard selection.isEverything else { return nil }
    let estimate = try await read { session, shape in
      guard let sql = shape.dialect.rowEstimate else { return Int64?.none }
      return try session.first(sql, shape.table.parts) { $0.integer(0) } ?? nil
    }
    return estimate.map { RowCount($0, isExact: false) }
  }

  func rows(_ selection: BackfillSelection, from position: Position?, limit: Int) async throws -> RowChunk {
    let (records, next) = try await page(selection, from: position, limit: limit)
    return RowChunk(records.map(ReadRow.init), next: next)
  }

  private static let mostRows = 2_000
  private static let mostBytes = 4 << 20
  private struct Enough: Error {}

  /// In key order. Rows that count as deleted take their place in a page and are left out.
  private func page(
    _ selection: BackfillSelection, from position: Position?, limit: Int
  ) async throws -> ([Record], next: Position?) {
    let after = try position.map { try RecordKey(encoded: $0.place) }
    let limit = max(1, min(limit, Self.mostRows))
    let since = selection.since
    if since != nil { try requireTimes() }
    do {
      return try await read { session, shape in
        var conditions = shape.key.map { "\($0.sql) IS NOT NULL" }
        var parameters: [ODBCParameter] = []
        if let condition = selection.condition { conditions.append("(\(condition)\n)") }
        if let since, let cursor = rules.cursor {
          let column = try shape.column(cursor)
          conditions.append("\(column.sql) >= \(shape.dialect.place(for: column))")
          parameters.append(try SQLValue.parameter(.string(TimeText.iso8601(since)), for: column))
        }
        if let after {
          let place = try shape.after(shape.key, after.values)
          conditions.append(place.sql)
          parameters += place.parameters
        }
        let sql = shape.dialect.select(
          shape.list, from: shape.sql, where: conditions, order: shape.key.map(\.sql).joined(separator: ", "),
          limit: limit)
        let stamp = stamps.now()
        var (records, last, count, bytes): ([Record], RecordKey?, Int, Int) = ([], nil, 0, 0)
        do {
          try session.rows(sql, parameters, most: limit) { row in
            guard bytes < Self.mostBytes else { throw Enough() }
            let fields = shape.fields(row)
            last = shape.key(of: fields)
            count += 1
            bytes += fields.bytes.count
            if let record = record(fields, shape, stamp) { records.append(record) }
          }
        } catch is Enough {
          count = limit
        }
        let next = count < limit ? nil : last
        return (records, next: next.map { Position(epoch: "", place: $0.encoded) })
      }
    } catch let end as EndUnavailable where selection.condition != nil && end.failure.code.hasPrefix("sql.42") {
      throw Failure(
        code: "backfill.where",
        message: "the condition of --where cannot be used on \(endpoint): \(end.failure.message)")
    }
  }

  private func requireTimes() throws(Failure) {
    guard case .cursor = rules.changes, rules.zone == .utc else {
      throw Failure(
        code: "backfill.since",
        message: "\(endpoint) does not tell when a row changed: it needs `changes: { timestamp: … }` and `zone: utc`;"
          + " or say it yourself: --where \"updated_at >= '…'\"")
    }
  }
}
