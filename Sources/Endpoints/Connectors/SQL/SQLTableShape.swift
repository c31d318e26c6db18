import Changes
import JSON
import ODBC

/// The columns and the key of a table as the catalogue tells them now.
struct SQLTableShape: Hashable, Sendable {
  struct Column: Hashable, Sendable {
    var name: String
    /// The name as SQL has it.
    var sql: String
    var type: ODBCType
    var typeName: String
    /// The database computes it.
    var isComputed: Bool
    /// The database draws it where it is not given.
    var isDrawn: Bool
  }

  let dialect: SQLDialect
  /// The table as SQL names it.
  let sql: String
  /// The parts by which the catalogue knows it.
  let table: ODBCTable
  let columns: [Column]
  /// In key order.
  let key: [Column]
  /// SQL Server's rowversion, where the table has one.
  let version: Column?

  var list: String { columns.map(\.sql).joined(separator: ", ") }
  /// True for the one row whose key is bound.
  var keyCondition: String { key.map { "\($0.sql) = \(dialect.place(for: $0))" }.joined(separator: " AND ") }

  /// - Throws: `Failure` for a name that is no column's.
  func column(_ name: String) throws(Failure) -> Column {
    if let column = columns.first(where: { $0.name == name }) { return column }
    throw Failure(
      code: "sql.no-column",
      message: "\(table.name) has no column \(name); it has \(columns.map(\.name).joined(separator: ", "))")
  }

  /// - Throws: `Failure` for a key that is not one of this table, or a value its column cannot take.
  func parameters(_ key: RecordKey) throws(Failure) -> [ODBCParameter] {
    guard key.values.count == self.key.count else {
      throw Failure(code: "sql.key", message: "the key has another number of values than that of \(table.name)")
    }
    var parameters: [ODBCParameter] = []
    for (column, value) in zip(self.key, key.values) { parameters.append(try SQLValue.parameter(value, for: column)) }
    return parameters
  }

  /// A condition that is true for the rows after a place in the order of `columns`.
  ///
  /// Spelled out, since not every database compares rows of values; the first part is for its index.
  func after(_ columns: [Column], _ values: [JSONValue]) throws(Failure) -> (sql: String, parameters: [ODBCParameter]) {
    guard let first = columns.first, let value = values.first else { return ("1 = 1", []) }
    let parameter = try SQLValue.parameter(value, for: first)
    let place = dialect.place(for: first)
    guard columns.count > 1 else { return ("\(first.sql) > \(place)", [parameter]) }
    let rest = try after(Array(columns.dropFirst()), Array(values.dropFirst()))
    return (
      "(\(first.sql) >= \(place) AND (\(first.sql) > \(place) OR (\(first.sql) = \(place) AND \(rest.sql))))",
      [parameter, parameter, parameter] + rest.parameters
    )
  }

  /// The record that a row over `list` is.
  func fields(_ row: ODBCRow) -> JSONObject {
    JSONObject(zip(columns, row.values).map { column, value in (column.name, SQLValue.json(value, of: column)) })
  }

  func key(of fields: JSONObject) -> RecordKey { RecordKey(key.map { fields[$0.name] ?? .null }) }
}

extension SQLTableShape {
  /// Reads the shape of the table that an object stands for.
  /// - Throws: `Failure` if there is no such table, no such columns, or nothing that tells its rows apart.
  init(_ object: String, _ rules: SQLTableRules, in session: ODBCSession, _ dialect: SQLDialect) throws {
    let facts = session.facts
    let table = try Self.table(rules.table.isEmpty ? object : rules.table, in: session)
    let computed = try Self.computed(table, in: session, dialect)
    func quoted(_ name: String) throws(Failure) -> String {
      if let quoted = facts.quoted(name) { return quoted }
      throw Failure(
        code: "sql.name", message: "the driver cannot quote names, and \(name) is none that can stand without quotes")
    }
    let columns = try session.columns(of: table).map { column in
      // SQL Server's rowversion is no time: its old name is timestamp.
      Column(
        name: column.name, sql: try quoted(column.name), type: column.type.withDigits(dialect),
        typeName: column.typeName,
        isComputed: computed[column.name] == false
          || dialect == .sqlServer && ["timestamp", "rowversion"].contains(column.typeName),
        isDrawn: computed[column.name] == true)
    }
    let names = rules.key.isEmpty ? try session.primaryKey(of: table) : rules.key
    func column(_ name: String) throws(Failure) -> Column {
      if let column = columns.first(where: { $0.name == name }) { return column }
      throw Failure(
        code: "sql.no-column",
        message: "\(table.name) has no column \(name); it has \(columns.map(\.name).joined(separator: ", "))")
    }
    guard !names.isEmpty else {
      throw Failure(
        code: "sql.no-key",
        message: "\(table.name) has no primary key that the driver tells: name the columns that tell its rows apart"
          + " (`objects: { \(object): { key: […] } }`)")
    }
    self.dialect = dialect
    self.table = table
    self.columns = columns
    key = try names.map(column)
    version = columns.first { dialect == .sqlServer && ["timestamp", "rowversion"].contains($0.typeName) }
    sql = try [table.schema ?? (facts.hasSchemas ? nil : table.catalogue), table.name].compactMap { $0 }
      .filter { !$0.isEmpty }.map(quoted).joined(separator: ".")
    for name in [rules.cursor, rules.mark?.column, rules.deleted?.column].compactMap({ $0 }) { _ = try column(name) }
  }

  /// The table of that name. Where several schemas have one, the name has to say which.
  private static func table(_ written: String, in session: ODBCSession) throws -> ODBCTable {
    let facts = session.facts
    let parts = written.split(separator: ".", maxSplits: 1).map(String.init)
    // A name may hold a dot itself.
    for (qualifier, name) in [(nil, written)] + (parts.count == 2 ? [(parts[0], parts[1])] : []) {
      let catalogue = facts.hasSchemas ? nil : qualifier ?? (facts.catalogue.isEmpty ? nil : facts.catalogue)
      let found = try session.tables(catalogue: catalogue, schema: facts.hasSchemas ? qualifier : nil, named: name)
        .filter { table in
          table.name == name && (qualifier == nil || [table.schema, table.catalogue].contains(qualifier))
        }
      if found.count == 1 { return found[0] }
      if found.count > 1 {
        let schemas = found.compactMap(\.schema).sorted().joined(separator: ", ")
        throw Failure(
          code: "sql.table", message: "\(written) is a table of several schemas (\(schemas)): name it with its schema")
      }
    }
    let known = try session.tables(catalogue: facts.hasSchemas ? nil : facts.catalogue).map(\.name).sorted().prefix(20)
    throw Failure(
      code: "sql.table",
      message: "there is no table \(written) that this account may see"
        + (known.isEmpty ? "" : "; there are \(known.joined(separator: ", "))"))
  }

  /// The columns the database writes itself; true: one it draws only where it is not given.
  private static func computed(
    _ table: ODBCTable, in session: ODBCSession, _ dialect: SQLDialect
  ) throws -> [String: Bool] {
    guard let sql = dialect.computedColumns else { return [:] }
    let rows = try session.all(sql, table.parts) { ($0.text(0) ?? "", $0.integer(1) == 1) }
    return Dictionary(rows) { first, _ in first }
  }
}

extension ODBCType {
  /// A time's digits behind the second: ODBC counts them in its length too, and MariaDB's driver tells them nowhere.
  fileprivate func withDigits(_ dialect: SQLDialect) -> ODBCType {
    guard kind == .moment else { return self }
    var type = self
    type.digits = max(digits, size - 20, dialect == .mariadb ? 6 : 0)
    type.size = type.digits == 0 ? 19 : 20 + type.digits
    return type
  }
}

extension ODBCTable {
  /// What the dialects' queries about a table are asked with.
  var parts: [ODBCParameter] {
    [
      ODBCParameter((schema ?? catalogue).map { .text($0) } ?? .null, as: .text),
      ODBCParameter(.text(name), as: .text),
    ]
  }
}
