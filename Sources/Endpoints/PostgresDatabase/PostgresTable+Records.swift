package import Changes
package import JSON
import Postgres

extension PostgresTable {
  /// - Throws: `Failure` for what was asked for, `EndUnavailable` if nothing can be read for now.
  package func records(_ keys: [RecordKey]) async throws -> [RecordKey: Record] {
    guard !keys.isEmpty else { return [:] }
    return try await read { session in
      let shape = try shape(session)
      let stamp = try Self.stamp(session)
      let rows = try shape.rows(of: keys, session)
      return try rows.mapValues { try shape.record($0, stamp: stamp) }
    }
  }

  /// At most two records. Null matches null.
  package func find(_ match: JSONObject) async throws -> [Record] {
    try await read { session in
      let shape = try shape(session)
      try shape.requireColumns(match.names)
      let stamp = try Self.stamp(session)
      let conditions = match.members.map { name, value in
        let column = quoted(postgresIdentifier: name)
        return value.isNull ? "t.\(column) IS NULL" : "t.\(column) = m.\(column)"
      }
      guard !conditions.isEmpty else { return [] }
      let sql = """
        SELECT \(shape.image) FROM \(shape.source), \(shape.record(match.names, parameter: 1, as: "m"))
        WHERE \(conditions.joined(separator: " AND ")) LIMIT 2
        """
      return try session.all(sql, [.utf8(match.bytes)]) { try shape.record($0.bytes(0), stamp: stamp) }
    }
  }

  private func read<Result: Sendable>(
    _ body: @escaping @Sendable (PostgresSession) throws -> Result
  ) async throws -> Result {
    do { return try await reading.run(body) } catch { throw PostgresFate.meaning(of: error, table: name) }
  }

  /// In key order. The position holds the last key, so that rows that come and go move nothing.
  package func chunk(from position: Position?, limit: Int) async throws -> Chunk {
    let after = try position.map { try RecordKey(encoded: $0.place) }
    return try await read { session in
      let shape = try shape(session)
      let stamp = try Self.stamp(session)
      let order = shape.list(shape.key, of: "t")
      var source = shape.source
      var bindings = [PostgresValue.integer(Int64(limit))]
      if let after {
        let last = shape.list(shape.key, of: "k")
        source += " WHERE (\(order)) > (SELECT \(last) FROM \(shape.record(shape.key, parameter: 2, as: "k")))"
        bindings.append(.utf8(try shape.keyObject(after).bytes))
      }
      let sql = "SELECT \(shape.image) FROM \(source) ORDER BY \(order) LIMIT $1"
      let records = try session.all(sql, bindings) { try shape.record($0.bytes(0), stamp: stamp) }
      guard records.count == limit, let last = records.last else { return Chunk(records, next: nil) }
      return Chunk(records, next: Position(epoch: String(shape.oid), place: last.key.encoded))
    }
  }
}
