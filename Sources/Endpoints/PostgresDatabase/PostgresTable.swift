import Changes
import JSON
import Postgres

/// A table as an end of a link: its records by primary key, as `to_jsonb` shows them.
package struct PostgresTable: ChangeTarget {
  /// As the configuration writes it.
  package let name: String
  let oid: Int64
  let shapeName: String
  let polling: PollSettings?
  private let restriction: RowRestriction?
  let reading: PostgresConnection
  let writing: PostgresConnection
  /// Opens one more connection to read by.
  let besides: @Sendable () -> PostgresConnection

  /// - Parameter shape: with its restriction, if it has one.
  init(
    name: String, shape: TableShape, polling: PollSettings?, reading: PostgresConnection, writing: PostgresConnection,
    besides: @escaping @Sendable () -> PostgresConnection
  ) {
    self.name = name
    self.polling = polling
    restriction = shape.restriction
    oid = shape.oid
    shapeName = shape.sql
    self.reading = reading
    self.writing = writing
    self.besides = besides
  }

  /// The table as it is now: columns come and go while the service runs.
  /// - Throws: `EndUnavailable` where the table is gone or not what it was: no record is given up for that.
  func shape(_ session: PostgresSession) throws -> TableShape { try shape(session, restriction) }

  /// The same, with rows that nobody is told: a write is compared with all that is there.
  func wholeShape(_ session: PostgresSession) throws -> TableShape { try shape(session, nil) }

  private func shape(_ session: PostgresSession, _ restriction: RowRestriction?) throws -> TableShape {
    do {
      return try TableShape.load(name, polling, restriction, session)
    } catch let failure as Failure {
      throw EndUnavailable(failure)
    }
  }

  /// How far the write-ahead log is. Taken before a read, or while its row is locked: every change of a row with a lower
  /// stamp that was committed is included.
  static func stamp(_ session: PostgresSession) throws -> Stamp {
    let end = try session.first("SELECT \(stampSQL)") { $0.integer(0) }
    return Stamp(end ?? 0)
  }

  /// A standby is as far as it has replayed.
  static let stampSQL = """
    (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END
      - '0/0'::pg_lsn)::bigint
    """
}

extension TableShape {
  /// A row source with the columns of `names`, made by the server from a JSON object in parameter `$index`; values get
  /// the columns' own types.
  func record(_ names: [String], parameter index: Int, as alias: String) -> String {
    record(names, from: "$\(index)", as: alias)
  }

  /// The same from the text that an expression gives.
  func record(_ names: [String], from text: String, as alias: String) -> String {
    "jsonb_to_record(\(text)::jsonb) AS \(alias)(\(typed(names)))"
  }

  /// The same from an array of objects.
  func recordset(_ names: [String], parameter index: Int, as alias: String) -> String {
    "jsonb_to_recordset($\(index)::jsonb) AS \(alias)(\(typed(names)))"
  }

  private func typed(_ names: [String]) -> String {
    names.map { name in
      let column = columns.first { $0.name == name }
      let collation = column?.collation.map { " COLLATE \($0)" } ?? ""
      return "\(quoted(postgresIdentifier: name)) \(column?.type ?? "text")\(collation)"
    }.joined(separator: ", ")
  }

  /// `a."x" = b."x" AND …`
  func equal(_ names: [String], _ a: String, _ b: String) -> String {
    names.map(quoted(postgresIdentifier:)).map { "\(a).\($0) = \(b).\($0)" }.joined(separator: " AND ")
  }

  /// `a."x", a."y"`
  func list(_ names: [String], of alias: String) -> String {
    names.map { "\(alias).\(quoted(postgresIdentifier: $0))" }.joined(separator: ", ")
  }

  /// The key columns with the key's values.
  func keyObject(_ key: RecordKey) throws(Failure) -> JSONObject {
    guard key.values.count == self.key.count else {
      throw Failure(
        code: "record.key",
        message: "\(sql): expected a key of \(self.key.count) values (\(self.key.joined(separator: ", "))),"
          + " got: \(key.values.count)")
    }
    return JSONObject(zip(self.key, key.values))
  }

  /// The rows that may be told among those of `keys`, as `row` shows them, not masked yet: all that is told of them where
  /// it is nil.
  func rows(
    of keys: [RecordKey], as row: String? = nil, _ session: PostgresSession
  ) throws -> [RecordKey: [UInt8]] {
    let wanted = try keys.map { JSONValue.object(try keyObject($0)) }
    let sql = """
      SELECT \(row ?? image) FROM \(source)
      JOIN (SELECT DISTINCT * FROM \(recordset(key, parameter: 1, as: "k"))) k ON \(equal(key, "t", "k"))
      """
    let rows = try session.all(sql, [.utf8(JSONValue.array(wanted).bytes)]) { $0.bytes(0) }
    return try Dictionary(rows.map { (key(of: try JSONObject(parsing: $0)), $0) }) { first, _ in first }
  }

  /// The key of a row.
  func key(of row: JSONObject) -> RecordKey { RecordKey(key.map { row[$0] ?? .null }) }

  /// - Parameter row: as `image` shows it.
  func record(_ row: [UInt8], stamp: Stamp) throws -> Record {
    record(try JSONObject(parsing: try told(row)), stamp: stamp)
  }

  func record(_ row: JSONObject, stamp: Stamp) -> Record { Record(key: key(of: row), fields: row, stamp: stamp) }

  /// - Throws: `Failure` naming a field that is no column: it was one when the link began.
  func requireColumns(_ names: [String]) throws(Failure) {
    guard let unknown = names.first(where: { name in !columns.contains { $0.name == name } }) else { return }
    let near = columns.map(\.name).min { editDistance($0, unknown) < editDistance($1, unknown) }
    throw Failure(
      code: "link.column",
      message: "\(sql) has no column \(unknown)" + (near.map { " (did you mean \($0)?)" } ?? "")
        + ": put it back, or change the configuration and restart")
  }
}
