import ODBC

/// What databases say differently. Everything else is said in a way that all of them understand.
enum SQLDialect: Hashable, Sendable {
  case sqlServer, mariadb, postgres, sqlite, other

  init(_ facts: ODBCFacts) {
    let name = facts.database.lowercased()
    if name.contains("sql server") {
      self = .sqlServer
    } else if name.contains("mariadb") || name.contains("mysql") {
      self = .mariadb
    } else if name.contains("postgres") {
      self = .postgres
    } else if name.contains("sqlite") {
      self = .sqlite
    } else {
      self = .other
    }
  }

  /// Said once on every connection. The mark is for triggers of the application: who writes here is Tidemark.
  var greeting: [String] {
    switch self {
    case .sqlServer:
      // FreeTDS leaves some of these off, and then tables with indexed views or computed columns cannot be written.
      [
        "SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, ARITHABORT, CONCAT_NULL_YIELDS_NULL, QUOTED_IDENTIFIER ON",
        "SET NUMERIC_ROUNDABORT OFF", "SET XACT_ABORT ON", "SET LOCK_TIMEOUT 10000",
        "SET CONTEXT_INFO 0x746964656D61726B",
      ]
    case .mariadb:
      // Without strict mode a text that is too long is cut off without a word.
      [
        "SET SESSION sql_mode = CONCAT_WS(',', NULLIF(@@SESSION.sql_mode, ''), 'STRICT_ALL_TABLES')",
        "SET SESSION innodb_lock_wait_timeout = 10", "SET @tidemark_origin = 'tidemark'",
      ]
    case .postgres: ["SELECT set_config('tidemark.origin', 'tidemark', false)"]
    case .sqlite, .other: []
    }
  }

  /// How a row is kept as it is from the comparison to the end of the write, also one that is not there yet: by a lock, or
  /// where it is not known how to ask for one, by serializable transactions. SQLite refuses to write what it has read
  /// once somebody else has written.
  var isolation: ODBCSession.Isolation { self == .other ? .serializable : .usual }

  /// A query.
  /// - Parameters:
  ///   - limit: how many rows are wanted. Where the database cannot be told, reading simply ends.
  ///   - isLocked: the rows are about to be written.
  func select(
    _ list: String, from table: String, where conditions: [String] = [], order: String? = nil, limit: Int? = nil,
    isLocked: Bool = false
  ) -> String {
    var sql = "SELECT "
    if self == .sqlServer, let limit { sql += "TOP (\(limit)) " }
    sql += "\(list) FROM \(table)"
    if self == .sqlServer, isLocked { sql += " WITH (UPDLOCK, HOLDLOCK)" }
    if !conditions.isEmpty { sql += " WHERE " + conditions.joined(separator: " AND ") }
    if let order { sql += " ORDER BY \(order)" }
    if let limit, [.mariadb, .postgres, .sqlite].contains(self) { sql += " LIMIT \(limit)" }
    if isLocked, [.mariadb, .postgres].contains(self) { sql += " FOR UPDATE" }
    return sql
  }

  /// The place of a parameter that is compared with a column. SQL Server compares a datetime with a parameter of more digits
  /// by the digits it does not have, and then finds no value equal to itself.
  func place(for column: SQLTableShape.Column) -> String {
    guard self == .sqlServer, ["datetime", "smalldatetime"].contains(column.typeName) else { return "?" }
    return "CAST(? AS \(column.typeName))"
  }

  /// Columns that the database computes itself: nothing can be written to them. Names come first, then 1 for one that is a key
  /// the database draws. Parameters: schema or catalogue, table.
  var computedColumns: String? {
    switch self {
    case .sqlServer:
      """
      SELECT c.name, CASE WHEN c.is_identity = 1 THEN 1 ELSE 0 END FROM sys.columns c
      WHERE c.object_id = OBJECT_ID(CONCAT(QUOTENAME(?), '.', QUOTENAME(?)))
        AND (c.is_identity = 1 OR c.is_computed = 1 OR c.system_type_id = 189)
      """
    case .mariadb:
      """
      SELECT column_name, CASE WHEN extra LIKE '%auto_increment%' THEN 1 ELSE 0 END FROM information_schema.columns
      WHERE table_schema = ? AND table_name = ? AND (extra LIKE '%auto_increment%' OR extra LIKE '%GENERATED%')
      """
    case .postgres:
      """
      SELECT column_name, CASE WHEN is_generated = 'ALWAYS' THEN 0 ELSE 1 END FROM information_schema.columns
      WHERE table_schema = ? AND table_name = ?
        AND (is_generated = 'ALWAYS' OR is_identity = 'YES' OR column_default LIKE 'nextval(%')
      """
    case .sqlite:
      """
      SELECT x.name, CASE WHEN x.hidden > 1 THEN 0 ELSE 1 END
      FROM (SELECT ? AS schema_name, ? AS table_name) t, pragma_table_xinfo(t.table_name) x
      WHERE x.hidden > 1 OR (x.pk = 1 AND upper(x.type) = 'INTEGER'
        AND (SELECT count(*) FROM pragma_table_xinfo(t.table_name) k WHERE k.pk > 0) = 1)
      """
    case .other: nil
    }
  }

  /// What the key is that the database has just drawn on this connection; nil where it cannot be asked.
  var drawnKey: String? {
    switch self {
    case .mariadb: "SELECT LAST_INSERT_ID()"
    case .sqlite: "SELECT last_insert_rowid()"
    case .sqlServer: "SELECT CAST(SCOPE_IDENTITY() AS bigint)"
    case .postgres: "SELECT lastval()"
    case .other: nil
    }
  }

  /// About how many rows a table has. Parameters: schema or catalogue, table.
  var rowEstimate: String? {
    switch self {
    case .sqlServer:
      """
      SELECT SUM(p.rows) FROM sys.partitions p
      WHERE p.index_id < 2 AND p.object_id = OBJECT_ID(CONCAT(QUOTENAME(?), '.', QUOTENAME(?)))
      """
    case .mariadb: "SELECT table_rows FROM information_schema.tables WHERE table_schema = ? AND table_name = ?"
    case .postgres, .sqlite, .other: nil
    }
  }

  /// The transactions that have written something and are still open, by names that no other one has; nil where the database
  /// cannot tell. It may also refuse to.
  var writers: String? {
    guard self == .mariadb else { return nil }
    return "SELECT CONCAT(trx_id, ' ', trx_started) FROM information_schema.innodb_trx WHERE trx_rows_modified > 0"
  }

  /// Which life of the database this is, where that can be told. A restored copy has another.
  var life: String? {
    guard self == .sqlServer else { return nil }
    return """
      SELECT CONVERT(varchar(36), recovery_fork_guid) FROM sys.database_recovery_status WHERE database_id = DB_ID()
      """
  }
}
