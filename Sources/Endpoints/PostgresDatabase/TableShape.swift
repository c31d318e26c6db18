import Changes
import Postgres

/// A table as the catalogue describes it: what statements about it are made from.
struct TableShape: Sendable {
  struct Column: Sendable {
    var name: String
    /// As SQL writes it, with its modifier: `numeric(10,2)`.
    var type: String
    /// Computed by the server; never written.
    var isGenerated: Bool
    /// `GENERATED ALWAYS AS IDENTITY`: a given value needs `OVERRIDING SYSTEM VALUE`.
    var isIdentityAlways: Bool
    /// The role may select it.
    var isReadable: Bool
    /// For SQL text, where it is not that of the type: two values compare only under one collation.
    var collation: String?
  }

  /// A partition, by its oid; `sql` is its name for SQL text.
  struct Part: Sendable, Hashable {
    var oid: Int64
    var sql: String
  }

  var oid: Int64
  var schema: String
  var name: String
  /// `pg_class.relkind`: `r` is an ordinary table.
  var kind: String
  var isPartition: Bool
  /// Whether it inherits from another table, whose statements reach its rows.
  var isChild: Bool
  /// Whether other tables inherit from it, whose rows it shows as its own.
  var hasChildren: Bool
  /// The partitions of a partitioned table, of all levels.
  var partitions: [Part] = []
  var columns: [Column]
  /// The primary key's columns in key order; empty without one.
  var key: [String]
  /// Whether two rows cannot have one key even inside a transaction.
  var isKeyImmediate: Bool
  /// Whether the WAL tells of every row that is changed or gone by its primary key at least.
  var isIdentifiedInWAL: Bool

  /// What may leave it of its rows; nil where all may.
  var restriction: RowRestriction?
  /// The same, made ready for its columns.
  var cut: RowCut?

  /// A row as JSON, of the table called `t`: all of it that the role may select and that is told. Values are masked
  /// afterwards; see `told`.
  var image: String {
    let readable = columns.filter { $0.isReadable && restriction?.tells($0.name, key: key) ?? true }.map(\.name)
    if readable.count == columns.count { return "to_jsonb(t.*)" }
    return "(SELECT to_jsonb(r) FROM (SELECT \(list(readable, of: "t"))) r)"
  }

  /// Qualified and quoted for SQL text.
  var sql: String { quoted(postgresIdentifier: schema) + "." + quoted(postgresIdentifier: name) }

  /// - Parameter name: a table in the search path, or `schema.table`; taken literally, without quotes or folding.
  /// - Throws: `Failure` if there is no such table.
  static func load(_ name: String, _ session: PostgresSession) throws -> TableShape {
    guard let shape = try find(name, session) else {
      let near = try nearest(name, session).map { "; did you mean \($0)?" } ?? ""
      throw Failure(code: "sql.42P01", message: "there is no table \(name) that this role can see\(near)")
    }
    return shape
  }

  /// The table that an end of a link is made of, all of it.
  /// - Parameter polling: how it is polled, if it is; then it may be a view, whose key the settings name.
  /// - Throws: `Failure` with advice if there is no such table, or its records cannot be told apart or captured.
  static func load(_ name: String, _ polling: PollSettings?, _ session: PostgresSession) throws -> TableShape {
    var shape = try load(name, session)
    guard let polling else {
      try shape.requireKey()
      return shape
    }
    if !polling.key.isEmpty {
      try shape.requireColumns(polling.key)
      shape.key = polling.key
    }
    guard !shape.key.isEmpty else {
      throw Failure(
        code: "table.key",
        message: "\(shape.sql) has no primary key: name the columns that tell its rows apart (key: […])")
    }
    if let cursor = polling.cursor { try shape.requireColumns([cursor]) }
    return shape
  }

  static func find(_ name: String, _ session: PostgresSession) throws -> TableShape? {
    let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
    let qualified = parts.count == 2
    let oid = try session.first(
      """
      SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
        AND (c.relname = $1 AND pg_table_is_visible(c.oid) OR n.nspname = $2 AND c.relname = $3)
      ORDER BY c.relname = $1 DESC LIMIT 1
      """, [.text(name), .text(orNull: qualified ? parts[0] : nil), .text(orNull: qualified ? parts[1] : nil)]
    ) { $0.integer(0) }
    return try oid.flatMap { try find(oid: $0, session) }
  }

  static func find(oid: Int64, _ session: PostgresSession) throws -> TableShape? {
    var shape = try session.first(
      """
      SELECT c.oid, n.nspname, c.relname, c.relkind, c.relispartition,
        NOT c.relispartition AND EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid),
        c.relkind <> 'p' AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid),
        EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate),
        NOT EXISTS (
          SELECT FROM (SELECT c.oid AS relid UNION SELECT relid FROM pg_partition_tree(c.oid)) tree
          JOIN pg_class m ON m.oid = tree.relid
          WHERE NOT (m.relreplident = 'f' OR EXISTS (
            SELECT FROM pg_index i WHERE i.indrelid = m.oid AND i.indisprimary AND i.indimmediate
              AND (m.relreplident = 'd' OR m.relreplident = 'i' AND i.indisreplident))))
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1
      """, [.integer(oid)]
    ) {
      TableShape(
        oid: $0.integer(0), schema: $0.string(1), name: $0.string(2), kind: $0.string(3), isPartition: $0.bool(4),
        isChild: $0.bool(5), hasChildren: $0.bool(6), columns: [], key: [], isKeyImmediate: $0.bool(7),
        isIdentifiedInWAL: $0.bool(8))
    }
    if shape?.kind == "p" { shape?.partitions = try partitions(of: oid, session) }
    shape?.columns = try session.all(
      """
      SELECT attname, format_type(atttypid, atttypmod), attgenerated <> '', attidentity = 'a',
        has_column_privilege(attrelid, attnum, 'SELECT'), quote_ident(n.nspname) || '.' || quote_ident(collname)
      FROM pg_attribute JOIN pg_type t ON t.oid = atttypid
      LEFT JOIN pg_collation c ON c.oid = attcollation AND attcollation <> typcollation
      LEFT JOIN pg_namespace n ON n.oid = collnamespace
      WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum
      """, [.integer(oid)]
    ) {
      Column(
        name: $0.string(0), type: $0.string(1), isGenerated: $0.bool(2), isIdentityAlways: $0.bool(3),
        isReadable: $0.bool(4), collation: $0.optionalString(5))
    }
    shape?.key = try session.all(
      """
      SELECT a.attname
      FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (number, place)
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
      WHERE i.indrelid = $1 AND i.indisprimary AND k.place <= i.indnkeyatts ORDER BY k.place
      """, [.integer(oid)]
    ) { $0.string(0) }
    return shape
  }

  private static func partitions(of oid: Int64, _ session: PostgresSession) throws -> [Part] {
    try session.all(
      """
      SELECT c.oid, n.nspname, c.relname FROM pg_partition_tree($1::oid) p
      JOIN pg_class c ON c.oid = p.relid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE p.relid <> $1::oid ORDER BY p.level, n.nspname, c.relname
      """, [.integer(oid)]
    ) {
      Part(
        oid: $0.integer(0),
        sql: quoted(postgresIdentifier: $0.string(1)) + "." + quoted(postgresIdentifier: $0.string(2)))
    }
  }

  /// - Throws: `Failure` with advice if records of the table cannot be told apart or captured.
  func requireKey() throws(Failure) {
    let advice: String? =
      if kind != "r", kind != "p" {
        "is no table that can be captured: link the tables it shows"
      } else if isPartition {
        "is a partition: link the partitioned table it belongs to"
      } else if hasChildren {
        "shows the rows of the tables that inherit from it, whose keys may be the same: link those tables one by one"
      } else {
        nil
      }
    if let advice { throw Failure(code: "table.kind", message: "\(sql) \(advice)") }
    guard !key.isEmpty else {
      throw Failure(
        code: "table.key",
        message: "\(sql) has no primary key to tell its records by: ALTER TABLE \(sql) ADD PRIMARY KEY (…)")
    }
  }

  /// - Throws: `Failure` with the cure where publishing the table would lose deletes, or make the application's own
  ///   UPDATE fail.
  func requireIdentity() throws(Failure) {
    guard !isIdentifiedInWAL else { return }
    throw Failure(
      code: "table.identity",
      message: "\(sql) has a replica identity that does not tell its primary key (or a key that is deferrable):"
        + " \(identityCure)")
  }

  /// The statement that gives the table a replica identity which tells its primary key, whatever kind of key it is.
  var identityCure: String {
    ([sql] + partitions.map(\.sql)).map { "ALTER TABLE \($0) REPLICA IDENTITY FULL" }.joined(separator: "; ")
  }

  /// The visible table whose name is closest, if one is close.
  static func nearest(_ name: String, _ session: PostgresSession) throws -> String? {
    let names = try session.all(
      """
      SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname::text ELSE n.nspname || '.' || c.relname END
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tidemark') LIMIT 5000
      """
    ) { $0.string(0) }
    let near = names.map { ($0, editDistance($0.lowercased(), name.lowercased())) }.min { $0.1 < $1.1 }
    guard let near, near.1 <= max(2, name.count / 3) else { return nil }
    return near.0
  }
}

/// How many characters must be added, removed or replaced to turn one text into the other (Levenshtein).
func editDistance(_ a: String, _ b: String) -> Int {
  let b = Array(b)
  var row = Array(0...b.count)
  for (i, character) in a.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for j in b.indices {
      let above = row[j + 1]
      row[j + 1] = min(above + 1, row[j] + 1, diagonal + (b[j] == character ? 0 : 1))
      diagonal = above
    }
  }
  return row[b.count]
}
