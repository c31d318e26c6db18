import Changes
import SQLite

/// The columns and the key of a table as the database tells them now.
struct TableShape: Hashable, Sendable {
  struct Column: Hashable, Sendable {
    var name: String
    var affinity: Affinity
    /// Computed by the database: read and captured, never written.
    var isGenerated: Bool
  }

  /// How a column converts what is stored in it, https://sqlite.org/datatype3.html section 3.1.
  enum Affinity: Sendable {
    case integer, text, blob, real, numeric

    init(declared: String) {
      let type = declared.uppercased()
      if type.contains("INT") {
        self = .integer
      } else if type.contains("CHAR") || type.contains("CLOB") || type.contains("TEXT") {
        self = .text
      } else if type.isEmpty || type.contains("BLOB") {
        self = .blob
      } else if type.contains("REAL") || type.contains("FLOA") || type.contains("DOUB") {
        self = .real
      } else {
        self = .numeric
      }
    }
  }

  /// A unique rule besides the primary key: its columns, each with its collation.
  struct Unique: Hashable, Sendable {
    var columns: [String]
    var collations: [String]
  }

  var name: String
  var columns: [Column]
  /// Places in `columns`, in key order.
  var key: [Int]
  var uniques: [Unique]

  var keyNames: [String] { key.map { columns[$0].name } }
  var columnList: String { columns.map { quoted(sqliteIdentifier: $0.name) }.joined(separator: ", ") }
  var table: String { "main." + quoted(sqliteIdentifier: name) }

  /// A condition that is true for the one row whose key is bound, in key order.
  var keyCondition: String { keyNames.map { quoted(sqliteIdentifier: $0) + " IS ?" }.joined(separator: " AND ") }
}

extension TableShape {
  /// Reads the shape of the table that the configuration calls `written`.
  /// - Throws: `Failure` if there is no such table, if it is a view or virtual, or has no primary key.
  init(_ written: String, in session: SQLiteSession) throws {
    let (name, isTable) = try Self.resolve(written, in: session)
    guard isTable else {
      throw Failure(
        code: "table.no-triggers",
        message:
          "\(name) is a view or a virtual table, whose changes no trigger sees: name the table behind it, or poll it")
    }
    try self.init(resolved: name, in: session)
    guard !key.isEmpty else {
      throw Failure(
        code: "table.no-key",
        message: "table \(name) has no PRIMARY KEY, and VACUUM may renumber its rows: add one to tell its records by")
    }
  }

  /// Reads the shape of a table or view that is polled where there are settings for it, else as above.
  /// - Throws: `Failure` if there is no such table, if it has no such columns, or nothing tells its rows apart.
  init(_ written: String, _ polling: PollSettings?, in session: SQLiteSession) throws {
    guard let polling else {
      try self.init(written, in: session)
      return
    }
    try self.init(resolved: Self.resolve(written, in: session).name, in: session)
    if !polling.key.isEmpty { key = try polling.key.map { try place(of: $0) } }
    if let cursor = polling.cursor { _ = try place(of: cursor) }
    guard !key.isEmpty else {
      throw Failure(
        code: "table.no-key",
        message: "\(name) has no primary key: name the columns that tell its rows apart (key: […])")
    }
  }

  private func place(of column: String) throws(Failure) -> Int {
    if let place = columns.firstIndex(where: { $0.name == column }) { return place }
    let near = Self.nearest(to: column, among: columns.map(\.name)).map { ": did you mean \($0)?" } ?? ""
    throw Failure(code: "table.no-column", message: "\(name) has no column \(column)\(near)")
  }

  private init(resolved name: String, in session: SQLiteSession) throws {
    let columns = try session.all(
      "SELECT name, type, hidden, pk FROM pragma_table_xinfo(?) WHERE hidden <> 1 ORDER BY cid", [.text(name)]
    ) {
      (
        column: Column(
          name: $0.string(0), affinity: Affinity(declared: $0.string(1)), isGenerated: $0.integer(2) > 1),
        pk: $0.integer(3)
      )
    }
    let key = columns.indices.filter { columns[$0].pk > 0 }.sorted { columns[$0].pk < columns[$1].pk }
    self.init(
      name: name, columns: columns.map(\.column), key: key, uniques: try Self.uniques(of: name, in: session))
  }

  /// - Returns: the name as the schema has it, and whether it is a table that can have triggers.
  private static func resolve(_ written: String, in session: SQLiteSession) throws -> (name: String, isTable: Bool) {
    let plain = written.lowercased().hasPrefix("main.") ? String(written.dropFirst(5)) : written
    let sql =
      "SELECT name, type, sql FROM main.sqlite_schema WHERE name = ? COLLATE NOCASE AND type IN ('table','view')"
    for candidate in [written, plain] {
      let found = try session.first(sql, [.text(candidate)]) { ($0.string(0), $0.string(1), $0.string(2)) }
      guard let (name, type, definition) = found else { continue }
      return (name, type == "table" && !definition.uppercased().hasPrefix("CREATE VIRTUAL"))
    }
    let names = try session.all(
      "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
        + "AND name NOT LIKE '\\_tidemark\\_%' ESCAPE '\\'"
    ) { $0.string(0) }
    let near = nearest(to: plain, among: names).map { ": did you mean \($0)?" } ?? ""
    throw Failure(code: "table.missing", message: "there is no table \(written)\(near)")
  }

  private static func uniques(of table: String, in session: SQLiteSession) throws -> [Unique] {
    let indexes = try session.all(
      "SELECT name FROM pragma_index_list(?) WHERE \"unique\" = 1 AND origin <> 'pk' ORDER BY name", [.text(table)]
    ) { $0.string(0) }
    return try indexes.compactMap { index in
      let columns = try session.all(
        "SELECT name, coll FROM pragma_index_xinfo(?) WHERE key = 1 ORDER BY seqno", [.text(index)]
      ) { ($0.optionalString(0), $0.string(1)) }
      let names = columns.compactMap(\.0)
      return names.count == columns.count ? Unique(columns: names, collations: columns.map(\.1)) : nil
    }
  }

  /// The name that needs the fewest edits to become `name`, if they are few.
  private static func nearest(to name: String, among names: [String]) -> String? {
    let best = names.map { ($0, distance(Array(name.lowercased()), Array($0.lowercased()))) }.min { $0.1 < $1.1 }
    guard let best, best.1 <= max(2, name.count / 3) else { return nil }
    return best.0
  }

  private static func distance(_ a: [Character], _ b: [Character]) -> Int {
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, y) in b.enumerated() {
        let change = diagonal + (x == y ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(change, row[j] + 1, row[j + 1] + 1)
      }
    }
    return row[b.count]
  }
}
