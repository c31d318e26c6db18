import Changes
import Postgres

/// What polling a table needs of it and of the role.
enum PollRequirements {
  /// What is missing, each with the SQL that mends it. Without an error it can be polled.
  static func findings(
    _ name: String, _ settings: PollSettings, _ session: PostgresSession
  ) throws -> [Finding] {
    let shape: TableShape
    do {
      shape = try TableShape.load(name, settings, session)
    } catch let failure as Failure {
      return [Finding(.error, name, failure.message)]
    }
    let rights = try rightFindings(name, settings, shape, session)
    guard rights.isEmpty else { return rights }
    return try PostgresDatabase.ruleFindings(name, shape, session) + cursorFindings(name, settings, shape, session)
  }

  private static func rightFindings(
    _ name: String, _ settings: PollSettings, _ shape: TableShape, _ session: PostgresSession
  ) throws -> [Finding] {
    var findings: [Finding] = []
    let schema = try session.first(
      "SELECT has_schema_privilege($1, 'USAGE'), quote_ident(current_user)", [.text(shape.schema)]
    ) { (isUsable: $0.bool(0), role: $0.string(1)) }
    guard let (isUsable, role) = schema else { return [] }
    if settings.use.writes != .nothing, try session.first("SELECT pg_is_in_recovery()", [], { $0.bool(0) }) == true {
      findings.append(
        Finding(
          .error, name, "this is a standby: rows cannot be written", remedy: "direction: push, without id_column"))
    }
    if !isUsable {
      findings.append(
        Finding(
          .error, name, "the role may not look into the schema",
          remedy: "GRANT USAGE ON SCHEMA \(quoted(postgresIdentifier: shape.schema)) TO \(role)"))
    }
    let reads = shape.key + settings.use.reads + [settings.cursor].compactMap { $0 }
    let isReadable = Set(shape.columns.filter(\.isReadable).map(\.name))
    let isColumn = Set(shape.columns.map(\.name))
    let lacking = Set(reads).intersection(isColumn).subtracting(isReadable)
    if !lacking.isEmpty {
      findings.append(
        Finding(
          .error, name, "the role may not read \(lacking.sorted().joined(separator: ", "))",
          remedy: "GRANT SELECT (\(list(lacking.sorted()))) ON \(shape.sql) TO \(role)"))
    }
    if let lacking = try missingWrites(settings.use.writes, shape, session) {
      findings.append(
        Finding(
          .error, name, "the role may not write what links bring", remedy: "GRANT \(lacking) ON \(shape.sql) TO \(role)"
        ))
    }
    return findings
  }

  /// As GRANT takes them; nil where nothing is missing.
  private static func missingWrites(
    _ writes: TableUse.Writes, _ shape: TableShape, _ session: PostgresSession
  ) throws -> String? {
    switch writes {
    case .nothing: return nil
    case .rows:
      let lacks = try session.first(
        """
        SELECT string_agg(p, ', ') FROM unnest(ARRAY['INSERT', 'UPDATE', 'DELETE']) p
        WHERE NOT has_table_privilege($1::oid, p)
        """, [.integer(shape.oid)]
      ) { $0.optionalString(0) }
      return lacks ?? nil
    case .columns(let columns):
      let lacking = try columns.filter { column in
        guard shape.columns.contains(where: { $0.name == column }) else { return false }
        return try session.first(
          "SELECT has_column_privilege($1::oid, $2, 'UPDATE')", [.integer(shape.oid), .text(column)]
        ) { !$0.bool(0) } ?? false
      }
      return lacking.isEmpty ? nil : "UPDATE (\(list(lacking)))"
    }
  }

  /// Without an index that begins with the cursor each page is a sort of the whole table. A view's own indexes cannot be
  /// seen.
  private static func cursorFindings(
    _ name: String, _ settings: PollSettings, _ shape: TableShape, _ session: PostgresSession
  ) throws -> [Finding] {
    guard let cursor = try Cursor(settings, shape) else { return [] }
    do {
      try session.execute("EXPLAIN SELECT FROM \(shape.sql) t WHERE \(cursor.exists) ORDER BY \(cursor.sorting)", [])
    } catch {
      if error.isConnectionLost { throw error }
      return [
        Finding(.error, name, "column \(cursor.column) cannot be a cursor: \(error.message)", remedy: nil)
      ]
    }
    guard ["r", "p", "m"].contains(shape.kind) else { return [] }
    let isIndexed = try session.first(
      """
      SELECT EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = $1 AND a.attname = $2 AND i.indpred IS NULL)
      """, [.integer(shape.oid), .text(cursor.column)]
    ) { $0.bool(0) }
    guard isIndexed == false else { return [] }
    return [
      Finding(
        .warning, name, "no index begins with the cursor \(cursor.column): each round reads the whole table",
        remedy: "CREATE INDEX CONCURRENTLY ON \(shape.sql) (\(list(cursor.order)))")
    ]
  }

  private static func list(_ names: [String]) -> String {
    names.map(quoted(postgresIdentifier:)).joined(separator: ", ")
  }
}
