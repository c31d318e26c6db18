import Changes
import JSON
import Migrations
import SQLite

/// What is installed in a database, and the statements that lead from there to what should be.
struct Installation {
  /// A table as its triggers were written for it.
  struct Captured: Hashable, Sendable {
    var id: Int64
    var name: String
    var columns: [String]
    var keys: [String]
    var isActive: Bool
    /// Since when it is captured without a break, as a word: another one each time it is taken up again.
    var life: String
  }

  /// Zero: nothing is installed.
  var version = 0
  /// Of the outbox: how many value columns it has.
  var width = 0
  var captured: [Captured] = []
  var bound = OutboxBound()
  /// Statements of the triggers that carry our prefix, by name.
  var triggers: [String: String] = [:]
  var tables: [String] = []

  init(in session: SQLiteSession) throws {
    let objects = try session.all(
      "SELECT type, name, sql FROM main.sqlite_schema WHERE name LIKE '\\_tidemark\\_%' ESCAPE '\\' ORDER BY rowid"
    ) { ($0.string(0), $0.string(1), $0.string(2)) }
    for (type, name, sql) in objects {
      if type == "trigger" { triggers[name] = sql }
      if type == "table" { tables.append(name) }
    }
    guard tables.contains("_tidemark_migrations"), tables.contains("_tidemark_outbox"),
      tables.contains("_tidemark_shapes"), tables.contains("_tidemark_epoch")
    else { return }
    version = Int(try session.first("SELECT max(number) FROM \"_tidemark_migrations\"") { $0.integer(0) } ?? 0)
    width = Int(
      try session.first("SELECT count(*) - 5 FROM pragma_table_info('_tidemark_outbox')") { $0.integer(0) } ?? 0)
    bound =
      try session.first("SELECT most_changes, most_age FROM \"_tidemark_context\" WHERE id = 1") {
        OutboxBound(
          mostChanges: $0.isNull(0) ? nil : $0.integer(0), mostAge: $0.isNull(1) ? nil : $0.integer(1))
      } ?? OutboxBound()
    captured = try session.all("SELECT id, name, columns, keys, active, life FROM \"_tidemark_shapes\"") {
      Captured(
        id: $0.integer(0), name: $0.string(1), columns: try Self.names($0.string(2)),
        keys: try Self.names($0.string(3)), isActive: $0.integer(4) == 1, life: $0.string(5))
    }
  }

  private static func names(_ json: String) throws -> [String] {
    try JSONValue(parsing: json).arrayValue?.compactMap(\.stringValue) ?? []
  }

  static func json(_ names: [String]) -> String { JSONValue.array(names.map { .string($0) }).text }

  /// What stands in the way of trusting the outbox, in words; nil if every captured table is captured whole.
  func flaw(in session: SQLiteSession) throws -> String? {
    guard version > 0 else { return "the outbox is gone from the database" }
    for table in captured where table.isActive {
      guard let shape = try? TableShape(table.name, in: session) else {
        return "table \(table.name) was dropped or renamed"
      }
      guard shape.columns.map(\.name) == table.columns, shape.keyNames == table.keys else {
        return "the columns of table \(table.name) were changed"
      }
      let expected = CaptureTriggers(shape: shape, id: table.id, isBounded: !bound.isUnbounded)
      for trigger in expected.all where triggers[trigger.name] != trigger.sql {
        return "trigger \(trigger.name) is missing or altered"
      }
    }
    return nil
  }
}

extension Installation {
  /// The statements that make `shapes`, and nothing else, captured.
  func attaching(_ shapes: [TableShape], _ bound: OutboxBound, in session: SQLiteSession) throws -> [String] {
    var statements: [String] = []
    // A half-removed installation is cleared away first, triggers before what they write to.
    if version == 0 { statements = detaching() + Self.migrations }
    let isMending = try version > 0 && flaw(in: session) != nil
    var last = version == 0 ? 0 : captured.map(\.id).max() ?? 0
    var wanted: [String: String] = [:]
    var records: [String] = []
    for shape in shapes {
      let known = version == 0 ? nil : captured.first { Self.describes($0, shape) }
      if known == nil { last += 1 }
      let id = known?.id ?? last
      if known?.isActive != true { records.append(Self.record(shape, id: id, isKnown: known != nil)) }
      let triggers = CaptureTriggers(shape: shape, id: id, isBounded: !bound.isUnbounded)
      for trigger in triggers.all { wanted[trigger.name] = trigger.sql }
    }
    if version > 0 {
      let kept = Set(captured.filter { old in shapes.contains { Self.describes(old, $0) } }.map(\.id))
      let stale = triggers.filter { wanted[$0.key] != $0.value }.keys.sorted()
      statements += stale.map { "DROP TRIGGER \(quoted(sqliteIdentifier: $0))" }
      statements += captured.filter { $0.isActive && !kept.contains($0.id) }.map {
        "UPDATE \"_tidemark_shapes\" SET active = 0 WHERE id = \($0.id)"
      }
    }
    let widest = shapes.map(\.columns.count).max() ?? 0
    let present = version == 0 ? 1 : width
    statements += (present..<max(present, widest)).map { "ALTER TABLE \"_tidemark_outbox\" ADD COLUMN v\($0)" }
    statements += records
    if self.bound != bound || version == 0 && !bound.isUnbounded {
      let (changes, age) = (bound.mostChanges.map(String.init), bound.mostAge.map(String.init))
      statements.append(
        "UPDATE \"_tidemark_context\" SET most_changes = \(changes ?? "NULL"), most_age = \(age ?? "NULL") WHERE id = 1"
      )
    }
    let missing = wanted.filter { version == 0 || triggers[$0.key] != $0.value }
    statements += missing.sorted { $0.key < $1.key }.map(\.value)
    // Something was not captured for a while: positions of before must not be continued from in silence.
    if isMending { statements.append("UPDATE \"_tidemark_epoch\" SET epoch = lower(hex(randomblob(16)))") }
    return statements
  }

  /// The statements that remove everything, triggers first: a trigger without its outbox fails every write.
  func detaching() -> [String] {
    triggers.keys.sorted().map { "DROP TRIGGER \(quoted(sqliteIdentifier: $0))" }
      + tables.map { "DROP TABLE \(quoted(sqliteIdentifier: $0))" }
  }

  private static func describes(_ captured: Captured, _ shape: TableShape) -> Bool {
    captured.name == shape.name && captured.columns == shape.columns.map(\.name) && captured.keys == shape.keyNames
  }

  private static func record(_ shape: TableShape, id: Int64, isKnown: Bool) -> String {
    let life = "lower(hex(randomblob(16)))"
    if isKnown { return "UPDATE \"_tidemark_shapes\" SET active = 1, life = \(life) WHERE id = \(id)" }
    let texts = [shape.name, json(shape.columns.map(\.name)), json(shape.keyNames)]
    let literals = texts.map { quoted(sqliteLiteral: $0) }.joined(separator: ", ")
    return "INSERT INTO \"_tidemark_shapes\" (id, name, columns, keys, active, life)"
      + " VALUES (\(id), \(literals), 1, \(life))"
  }

  private static var migrations: [String] {
    Migrations.sqlite.flatMap { $0.sql.split(separator: ";\n").map(String.init) }
  }
}
