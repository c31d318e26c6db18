import SQLite

/// What a trigger wrote down; stored in the outbox.
enum OutboxOperation: Int64 {
  case insert = 1
  case update = 2
  case delete = 3
  /// A row that `OR REPLACE` may be about to displace by another unique rule than the key. SQLite fires no delete trigger
  /// for it, so the reader looks whether the row is still there.
  case displaced = 6
}

/// The triggers that capture one table. They run inside the application's own SQLite, so they use nothing that old
/// versions lack, and nothing in them can fail because of a value.
struct CaptureTriggers {
  let shape: TableShape
  /// The row of `_tidemark_shapes` that says what v0, v1, … mean.
  let id: Int64
  /// Whether `_tidemark_context` says what the outbox may hold.
  let isBounded: Bool

  /// Whether the outbox has reached its bound. Its ids have no gaps but those that rollbacks leave. Each part is null while
  /// the outbox is empty, or without such a bound.
  private static let isFull =
    "(coalesce((SELECT max(id) FROM \"_tidemark_outbox\") - (SELECT min(id) FROM \"_tidemark_outbox\")"
    + " >= (SELECT most_changes FROM \"_tidemark_context\" WHERE id = 1), 0)"
    + " OR coalesce(\(now) - (SELECT at FROM \"_tidemark_outbox\" ORDER BY id LIMIT 1)"
    + " >= (SELECT most_age FROM \"_tidemark_context\" WHERE id = 1), 0))"

  /// Unix time in milliseconds: as fine as `julianday` tells it.
  private static let now = "CAST((julianday('now') - 2440587.5) * 86400000.0 + 0.5 AS INTEGER)"

  /// Name and statement of each trigger, as `sqlite_schema` will hold it.
  var all: [(name: String, sql: String)] {
    var triggers = [
      trigger("insert", "AFTER INSERT", nil, [record(.insert, "NEW")]),
      trigger("delete", "AFTER DELETE", nil, [record(.delete, "OLD")]),
      trigger("update", "AFTER UPDATE", sameKey, [record(.update, "NEW")]),
      trigger("rekey", "AFTER UPDATE", "NOT (\(sameKey))", [record(.delete, "OLD"), record(.insert, "NEW")]),
    ]
    if !shape.uniques.isEmpty {
      let displaced = shape.uniques.map(displacement)
      triggers.append(trigger("replace", "BEFORE INSERT", nil, displaced))
      triggers.append(trigger("displace", "BEFORE UPDATE", nil, displaced.map { $0 + " AND NOT (\(isOld))" }))
    }
    return triggers
  }

  /// Notes that changes of the table are not kept. Writers come one after the other, so one note is enough until the
  /// reader has taken it. No `OR IGNORE`: the application's own conflict clause would take its place.
  private var note: String {
    "INSERT INTO \"_tidemark_let_go\" (shape, is_taken) SELECT \(id), 0 WHERE \(Self.isFull)"
      + " AND NOT EXISTS (SELECT 1 FROM \"_tidemark_let_go\" WHERE shape = \(id) AND is_taken = 0)"
  }

  private var sameKey: String {
    // BINARY and the type: a key that changes its case or its type is another key to everyone but the index.
    shape.keyNames.map(quoted(sqliteIdentifier:)).map {
      "OLD.\($0) IS NEW.\($0) COLLATE BINARY AND typeof(OLD.\($0)) = typeof(NEW.\($0))"
    }.joined(separator: " AND ")
  }

  private var isOld: String {
    shape.keyNames.map(quoted(sqliteIdentifier:)).map { "t.\($0) IS OLD.\($0)" }.joined(separator: " AND ")
  }

  private func trigger(
    _ name: String, _ event: String, _ condition: String?, _ statements: [String]
  ) -> (name: String, sql: String) {
    let name = "_tidemark_\(name)_\(shape.name)"
    let when = condition.map { " WHEN \($0)" } ?? ""
    let statements = isBounded && event.hasPrefix("AFTER") ? [note] + statements : statements
    let sql =
      "CREATE TRIGGER \(quoted(sqliteIdentifier: name)) \(event) ON \(quoted(sqliteIdentifier: shape.name))"
      + " FOR EACH ROW\(when) BEGIN \(statements.map { $0 + ";" }.joined(separator: " ")) END"
    return (name, sql)
  }

  private func record(_ operation: OutboxOperation, _ row: String) -> String {
    let values = values(operation, row)
    return "INSERT INTO \"_tidemark_outbox\" (\(places)) "
      + (isBounded ? "SELECT \(values) WHERE NOT \(Self.isFull)" : "VALUES (\(values))")
  }

  private func displacement(_ unique: TableShape.Unique) -> String {
    let match = zip(unique.columns, unique.collations).map { column, collation in
      let name = quoted(sqliteIdentifier: column)
      return "t.\(name) = NEW.\(name) COLLATE \(quoted(sqliteIdentifier: collation))"
    }
    return "INSERT INTO \"_tidemark_outbox\" (\(places)) SELECT \(values(.displaced, "t"))"
      + " FROM \(quoted(sqliteIdentifier: shape.name)) AS t WHERE \(match.joined(separator: " AND "))"
  }

  private var places: String {
    (["shape", "operation", "origin", "at"] + shape.columns.indices.map { "v\($0)" }).joined(separator: ", ")
  }

  private func values(_ operation: OutboxOperation, _ row: String) -> String {
    let fixed = [
      String(id), String(operation.rawValue), "(SELECT origin FROM \"_tidemark_context\" WHERE id = 1)", Self.now,
    ]
    return (fixed + shape.columns.map { "\(row).\(quoted(sqliteIdentifier: $0.name))" }).joined(separator: ", ")
  }
}
