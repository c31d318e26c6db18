import Changes
import SQLite

/// The condition of a restriction, asked of rows that were captured: in a database in memory with a table of the same
/// columns, so that SQLite compares as it does in the table.
///
/// Not in the trigger: SQLite gives the columns of `NEW` no affinity there, so that `NEW.n = '5'` is false where
/// `n = '5'` is true; and a condition that fails would fail the application's statement.
actor RowCondition {
  private let connection: SQLiteConnection
  private let condition: String
  /// Those it may read and those of the key, quoted.
  private let names: [String]

  /// - Parameter collations: of the table's columns.
  /// - Throws: `SQLiteError` for a condition that is no SQL, reads what is no column, or may not mean the same whenever it
  ///   is asked: just what SQLite refuses in the condition of an index.
  init(_ condition: String, _ restriction: RowRestriction, _ shape: TableShape, collations: [String]) async throws {
    self.condition = condition
    let places = shape.columns.indices.filter { restriction.judges(shape.columns[$0].name, of: shape) }
    names = places.map { quoted(sqliteIdentifier: shape.columns[$0].name) }
    let columns = places.map { place in
      let column = shape.columns[place]
      return "\(quoted(sqliteIdentifier: column.name)) \(column.affinity.declared)"
        + " COLLATE \(quoted(sqliteIdentifier: collations[place]))"
    }
    connection = try await SQLiteConnection(path: ":memory:", access: .create)
    let definition = (["\(Self.place) INTEGER PRIMARY KEY"] + columns).joined(separator: ", ")
    try await connection.run { session in
      // Without a rowid: a condition that asks for one would get ours.
      try session.execute("CREATE TABLE asked (\(definition)) WITHOUT ROWID", [])
      // One expression, also without parentheses around it.
      try session.execute("SELECT CASE WHEN \(condition)\n THEN 1 END FROM asked", [])
      // Some functions are found to depend on the time only when they are called.
      try session.execute("INSERT INTO asked (\(Self.place)) VALUES (0)", [])
      try session.execute("CREATE INDEX meaning ON asked (\(Self.place)) WHERE (\(condition)\n)", [])
      try session.execute("DROP INDEX meaning", [])
    }
  }

  private static let place = quoted(sqliteIdentifier: "tidemark place")

  /// Which rows it is true for.
  /// - Parameter rows: the values of `judgedColumns`, each with an id of the caller's.
  func holds(for rows: [Int64: [SQLiteValue]]) async throws -> Set<Int64> {
    let columns = [Self.place] + names
    let values = columns.map { _ in "?" }.joined(separator: ", ")
    let insert = "INSERT INTO asked (\(columns.joined(separator: ", "))) VALUES (\(values))"
    let condition = condition
    return try await connection.transaction { session in
      try session.execute("DELETE FROM asked", [])
      for (id, row) in rows { try session.execute(insert, [.integer(id)] + row) }
      return Set(try session.all("SELECT \(Self.place) FROM asked WHERE (\(condition)\n)") { $0.integer(0) })
    }
  }
}

extension RowRestriction {
  /// The columns that a condition is asked with, in the table's order; nil without one.
  func judgedColumns(of shape: TableShape) -> [String]? {
    condition == nil ? nil : shape.columns.map(\.name).filter { judges($0, of: shape) }
  }

  fileprivate func judges(_ column: String, of shape: TableShape) -> Bool {
    shape.keyNames.contains(column) || mayRead(column)
  }
}

extension TableShape.Affinity {
  /// A type that has it.
  fileprivate var declared: String {
    switch self {
    case .integer: "INTEGER"
    case .text: "TEXT"
    case .blob: "BLOB"
    case .real: "REAL"
    case .numeric: "NUMERIC"
    }
  }
}
