import Changes
import JSON
import Postgres

/// The condition of a restriction, asked of rows that were captured. The server evaluates it, with the columns' own types:
/// SQL is what the server takes it for.
///
/// Not in the trigger: there a condition that fails would fail the application's statement, and one that reads a column
/// would stop the application from dropping it.
struct RowCondition: Sendable {
  private let condition: String
  /// The columns it may read, and those of the key: a list of columns cannot be empty.
  private let columns: [TableShape.Column]
  private let cut: RowCut
  private let oid: Int64

  /// Nil where the restriction has no condition.
  init?(_ restriction: RowRestriction, _ shape: TableShape) {
    guard let condition = restriction.condition else { return nil }
    self.condition = condition
    oid = shape.oid
    columns = shape.columns.filter { shape.key.contains($0.name) || restriction.mayRead($0.name) }
    cut = RowCut(keeping: columns.map(\.name))
  }

  /// What the condition needs of a row; nil where the row lacks some of it.
  func needed(of row: [UInt8]) throws(JSONError) -> [UInt8]? {
    let told = try cut.told(of: row)
    return told.count == columns.count ? told.row : nil
  }

  /// Which of some rows it is true for, by their places.
  /// - Parameter rows: as `needed` gives them.
  func holds(for rows: [[UInt8]], _ session: PostgresSession) throws -> Set<Int> {
    var places: Set<Int> = []
    try session.rows(sql, [.utf8(Self.array(rows))]) { places.insert(Int($0.integer(0)) - 1) }
    return places
  }

  private static func array(_ rows: [[UInt8]]) -> [UInt8] {
    var bytes = [UInt8(ascii: "[")]
    bytes.reserveCapacity(rows.reduce(2) { $0 + $1.count + 1 })
    for (index, row) in rows.enumerated() {
      if index > 0 { bytes.append(UInt8(ascii: ",")) }
      bytes += row
    }
    bytes.append(UInt8(ascii: "]"))
    return bytes
  }

  private static let place = quoted(postgresIdentifier: "tidemark place")

  private var sql: String {
    let names = columns.map { quoted(postgresIdentifier: $0.name) }.joined(separator: ", ")
    return """
      SELECT \(Self.place) FROM ROWS FROM (json_to_recordset($1::json) AS (\(definition))) WITH ORDINALITY
        AS t (\(names), \(Self.place))
      WHERE (\(condition)\n)
      """
  }

  private var definition: String {
    columns.map { "\(quoted(postgresIdentifier: $0.name)) \($0.type)" }.joined(separator: ", ")
  }

  /// Why it cannot tell the table's rows, in words; nil if it can.
  ///
  /// It has to mean the same whenever it is asked, so it may depend on nothing but the row: just what the server demands
  /// of the predicate of an index, and is asked to judge here, by a table that is gone again at once. A role that may
  /// not make one, or a standby, is spared that.
  func fault(_ session: PostgresSession) throws -> String? {
    if let type = try typeWithoutWayBack(session) { return type }
    do {
      // One expression, also without parentheses around it.
      let expression = "CASE WHEN \(condition)\n THEN true END"
      try session.execute("SELECT \(expression) FROM json_to_recordset('[]') AS t (\(definition))", [])
      _ = try holds(for: [], session)
      try session.execute("BEGIN")
      defer { session.endTransaction() }
      let table = quoted(postgresIdentifier: "tidemark condition")
      try session.execute("CREATE TEMPORARY TABLE \(table) (\(definition))", [])
      try session.execute("CREATE INDEX ON \(table) ((1)) WHERE (\(condition)\n)", [])
      return nil
    } catch let error as PostgresError where !error.isConnectionLost {
      switch error.sqlState {
      case "42501", "25006": return nil
      case "42P17", "0A000", "42803", "42P20":
        return "\(error.message); a condition may depend on nothing but the row"
      default: return error.message
      }
    }
  }

  /// Some types have a JSON form of their own, which does not read back as a value of the type (hstore, PostGIS).
  private func typeWithoutWayBack(_ session: PostgresSession) throws -> String? {
    try session.first(
      """
      SELECT a.attname, format_type(a.atttypid, NULL) FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
      WHERE a.attrelid = $1 AND a.attname = ANY (ARRAY(SELECT json_array_elements_text($2::json))) AND EXISTS (
        SELECT FROM pg_cast c WHERE c.castsource IN (t.oid, nullif(t.typelem, 0), nullif(t.typbasetype, 0))
          AND c.casttarget IN ('json'::regtype, 'jsonb'::regtype) AND c.castsource NOT IN ('json'::regtype, 'jsonb'::regtype))
      LIMIT 1
      """, [.integer(oid), .utf8(JSONValue.array(columns.map { .string($0.name) }).bytes)]
    ) { "it may read the column \($0.string(0)) of type \($0.string(1)), whose captured form cannot be read back" }
  }
}
