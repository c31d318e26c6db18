import Changes
import Postgres

/// The triggers that capture one table: one an event, always on, also for replicated writes.
///
/// An ordinary table has them for statements, with transition tables, since most changes come many at a time. A table
/// that belongs to a tree of tables has them for rows (see `capture_row`).
struct CaptureTriggers {
  private let shape: TableShape
  private let suffix: String

  init(_ shape: TableShape, isLenient: Bool) {
    self.shape = shape
    suffix = isLenient ? "_leniently" : ""
  }

  /// What makes them.
  var statements: [String] {
    statements(shape.isInTree ? forRows : forStatements, on: shape.sql) + statements(ofParts: shape.partitions)
  }

  /// What makes those that partitions do not get by themselves: a partition can be emptied on its own.
  func statements(ofParts parts: [TableShape.Part]) -> [String] {
    parts.flatMap { statements([truncation], on: $0.sql) }
  }

  private struct Trigger {
    var name: String
    /// The event, what it refers to and when it fires.
    var event: String
    var references = ""
    var firing: String
  }

  private func statements(_ triggers: [Trigger], on table: String) -> [String] {
    let enable = triggers.map { "ENABLE ALWAYS TRIGGER \($0.name)" }.joined(separator: ", ")
    return triggers.map { "CREATE TRIGGER \($0.name) AFTER \($0.event) ON \(table)\($0.references) \($0.firing)" }
      + ["ALTER TABLE \(table) \(enable)"]
  }

  private var forStatements: [Trigger] {
    let old = "OLD TABLE AS tidemark_old"
    let new = "NEW TABLE AS tidemark_new"
    let firing =
      "FOR EACH STATEMENT EXECUTE FUNCTION tidemark.capture\(suffix)("
      + shape.key.map { quoted(postgresLiteral: $0) }.joined(separator: ", ") + ")"
    return [
      Trigger(name: "tidemark_insert", event: "INSERT", references: " REFERENCING \(new)", firing: firing),
      Trigger(name: "tidemark_update", event: "UPDATE", references: " REFERENCING \(old) \(new)", firing: firing),
      Trigger(
        name: "tidemark_rekeyed", event: "UPDATE",
        firing: "FOR EACH ROW WHEN (\(isRekeyed)) EXECUTE FUNCTION tidemark.rekeyed()"),
      Trigger(name: "tidemark_delete", event: "DELETE", references: " REFERENCING \(old)", firing: firing),
      Trigger(name: "tidemark_truncate", event: "TRUNCATE", firing: firing),
    ]
  }

  private var forRows: [Trigger] {
    let call = "EXECUTE FUNCTION tidemark.capture_row\(suffix)"
    return [
      Trigger(name: "tidemark_insert", event: "INSERT", firing: "FOR EACH ROW \(call)(\(shape.oid))"),
      Trigger(
        name: "tidemark_update", event: "UPDATE",
        firing: "FOR EACH ROW WHEN (NOT (\(isRekeyed))) \(call)(\(shape.oid))"),
      Trigger(
        name: "tidemark_rekeyed", event: "UPDATE",
        firing: "FOR EACH ROW WHEN (\(isRekeyed)) \(call)(\(shape.oid), 'rekeyed')"),
      Trigger(name: "tidemark_delete", event: "DELETE", firing: "FOR EACH ROW \(call)(\(shape.oid))"),
      truncation,
    ]
  }

  private var truncation: Trigger {
    Trigger(
      name: "tidemark_truncate", event: "TRUNCATE",
      firing: "FOR EACH STATEMENT EXECUTE FUNCTION tidemark.capture_row\(suffix)(\(shape.oid))")
  }

  private var isRekeyed: String {
    shape.key.map { quoted(postgresIdentifier: $0) }
      .map { "OLD.\($0)::text IS DISTINCT FROM NEW.\($0)::text" }.joined(separator: " OR ")
  }
}

extension TableShape {
  /// The oids of the table and of its partitions.
  var tree: [Int64] { [oid] + partitions.map(\.oid) }

  /// Whether statements on other tables reach its rows.
  fileprivate var isInTree: Bool { kind == "p" || isChild }

  /// - Throws: `Failure` where triggers for rows would tell changed keys in the wrong order.
  func requireOrderOfKeys() throws(Failure) {
    guard isInTree, !isKeyImmediate else { return }
    throw Failure(
      code: "table.kind",
      message: "\(sql) belongs to a tree of tables and has a deferrable primary key, which triggers cannot follow:"
        + " make the key NOT DEFERRABLE")
  }
}
