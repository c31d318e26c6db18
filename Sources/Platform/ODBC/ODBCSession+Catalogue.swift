import CODBC

/// A table or view as the catalogue names it.
package struct ODBCTable: Hashable, Sendable {
  package var catalogue: String?
  package var schema: String?
  package var name: String
  /// `TABLE`, `VIEW`, …
  package var type: String
}

/// A column as the catalogue describes it.
package struct ODBCColumn: Hashable, Sendable {
  package var name: String
  package var type: ODBCType
  /// The database's own name of the type: `nvarchar`, `timestamp`, `int unsigned`.
  package var typeName: String
  package var isNullable: Bool
}

extension ODBCSession {
  /// Tables and views. A name that is given is a pattern of LIKE to the driver, so more may come than were meant.
  package func tables(catalogue: String? = nil, schema: String? = nil, named name: String? = nil) throws -> [ODBCTable]
  {
    let (catalogue, schema) = (WideName(catalogue), WideName(schema))
    let (name, types) = (WideName(name), WideName("TABLE,VIEW"))
    return try catalogued {
      unsafe SQLTablesW(
        $0.pointer, catalogue.address, catalogue.count, schema.address, schema.count, name.address, name.count,
        types.address, types.count)
    } transform: { row in
      ODBCTable(
        catalogue: row.text(0), schema: row.text(1), name: row.text(2) ?? "", type: row.text(3)?.uppercased() ?? "")
    }
  }

  /// The columns of a table in its order.
  package func columns(of table: ODBCTable) throws -> [ODBCColumn] {
    let (catalogue, schema) = (WideName(table.catalogue), WideName(table.schema))
    let (name, every) = (WideName(table.name), WideName(nil))
    let columns: [(table: String, column: ODBCColumn)] = try catalogued {
      unsafe SQLColumnsW(
        $0.pointer, catalogue.address, catalogue.count, schema.address, schema.count, name.address, name.count,
        every.address, every.count)
    } transform: { row in
      (
        row.text(2) ?? "",
        ODBCColumn(
          name: row.text(3) ?? "",
          type: ODBCType(
            code: Int16(clamping: row.integer(4) ?? 0), size: Int(clamping: row.integer(6) ?? 0),
            digits: Int(clamping: row.integer(8) ?? 0)),
          typeName: row.text(5)?.lowercased() ?? "", isNullable: row.integer(10) != 0)
      )
    }
    return columns.filter { $0.table == table.name }.map(\.column)
  }

  /// The columns of the primary key in its order; none where there is no key, or the driver cannot tell.
  package func primaryKey(of table: ODBCTable) throws -> [String] {
    let (catalogue, schema, name) = (WideName(table.catalogue), WideName(table.schema), WideName(table.name))
    let found: [(place: Int64, name: String)]
    do {
      found = try catalogued {
        unsafe SQLPrimaryKeysW(
          $0.pointer, catalogue.address, catalogue.count, schema.address, schema.count, name.address, name.count)
      } transform: { row in
        (row.integer(4) ?? 0, row.text(3) ?? "")
      }
    } catch let error as ODBCError where error.sqlState == "IM001" {
      return []
    }
    return found.sorted { $0.place < $1.place }.map(\.name)
  }

  private func catalogued<Value>(
    _ call: (ODBCStatement) -> SQLRETURN, transform: (ODBCRow) throws -> Value
  ) throws -> [Value] {
    let statement = try statement()
    defer { statement.close() }
    try statement.check(call(statement), "catalogue")
    let columns = try statement.columns()
    var values: [Value] = []
    try Self.rows(of: statement, columns, most: .max) { values.append(try transform($0)) }
    return values
  }
}

/// Sole owner of a name as the wide functions take it; nil stays nil.
@safe private final class WideName {
  let address: UnsafeMutablePointer<SQLWCHAR>?
  let count: SQLSMALLINT

  init(_ name: String?) {
    let units = name.map { Array($0.utf16) }
    count = SQLSMALLINT(units?.count ?? 0)
    guard let units else {
      unsafe address = nil
      return
    }
    // The zero gives an empty name an address.
    let room = UnsafeMutablePointer<SQLWCHAR>.allocate(capacity: units.count + 1)
    unsafe room.initialize(repeating: 0, count: units.count + 1)
    for (place, unit) in units.enumerated() { unsafe room[place] = unit }
    unsafe address = room
  }

  deinit { unsafe address?.deallocate() }
}
