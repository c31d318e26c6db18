import Changes
import JSON
import Postgres

/// The next rows of a table in the order of its key, read in one of two ways that give the same bytes.
struct RowPage {
  static let begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"
  private static let mostBytes = 4 << 20

  let shape: TableShape
  /// On the table called `t`.
  let condition: String?
  /// A view may have rows without a key, which nothing tells apart.
  let skipsUnkeyed: Bool
  let after: RecordKey?
  let limit: Int

  private var order: String { shape.list(shape.key, of: "t") }

  /// - Parameter last: the key to go on after, as SQL shows it as an object.
  private func conditions(after last: String) -> String {
    var conditions = [condition].compactMap { $0 }
    if after != nil {
      conditions.append("(\(order)) > (SELECT \(shape.list(shape.key, of: "k")) FROM \(last))")
    }
    if skipsUnkeyed { conditions += shape.key.map { "t.\(quoted(postgresIdentifier: $0)) IS NOT NULL" } }
    return conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
  }

  private func chunk(_ rows: [ReadRow], isLast: Bool) -> RowChunk {
    let last = isLast ? nil : rows.last
    return RowChunk(rows, next: last.map { Position(epoch: String(shape.oid), place: $0.key.encoded) })
  }

  // MARK: - By SELECT

  /// The server makes the JSON.
  func selected(_ session: PostgresSession) throws -> RowChunk {
    let stamp = try PostgresTable.stamp(session)
    let last = shape.record(shape.key, parameter: 3, as: "k")
    // Rows are read in order and counted as they come: the last one is the first that passes the limit of bytes.
    let sql = """
      SELECT key, image, running FROM (
        SELECT r.*, sum(octet_length(r.image)) OVER (ROWS UNBOUNDED PRECEDING) AS running FROM (
          SELECT jsonb_build_array(\(order))::text AS key, \(shape.image)::text AS image FROM \(shape.source)
          \(conditions(after: last)) ORDER BY \(order) LIMIT $1) r) page
      WHERE running - octet_length(image) < $2
      """
    var bindings: [PostgresValue] = [.integer(Int64(limit)), .integer(Int64(Self.mostBytes))]
    if let after { bindings.append(.utf8(try shape.keyObject(after).bytes)) }
    var bytes = 0
    let rows = try session.all(sql, bindings) { row in
      bytes = Int(row.integer(2))
      return ReadRow(key: try RecordKey(encoded: row.string(0)), row: try shape.told(row.bytes(1)), stamp: stamp)
    }
    return chunk(rows, isLast: rows.count < limit && bytes < Self.mostBytes)
  }

  // MARK: - By COPY

  /// The server writes plain text, at a third of what JSON costs it.
  /// - Returns: nil where rows of this table cannot be made of it, or where not all of them may be told; the transaction may
  ///   be a new one then.
  func copied(_ session: PostgresSession) throws -> RowChunk? {
    guard shape.restriction == nil, var copied = try CopiedRow(shape, session) else { return nil }
    if let after {
      try session.execute(
        "SELECT set_config('tidemark.after', $1, true)", [.utf8(try shape.keyObject(after).bytes)])
    }
    let stamp = try PostgresTable.stamp(session)
    let last = shape.record(shape.key, from: "current_setting('tidemark.after')", as: "k")
    let read = try copied.rows(
      """
      COPY (SELECT \(copied.list) FROM \(shape.source) \(conditions(after: last)) ORDER BY \(order) LIMIT \(limit))
      TO STDOUT
      """, stamp: stamp, mostBytes: Self.mostBytes, session)
    guard let read else {
      session.endTransaction()
      try session.execute(Self.begin)
      return nil
    }
    return chunk(read.rows, isLast: read.isWhole && read.rows.count < limit)
  }
}
