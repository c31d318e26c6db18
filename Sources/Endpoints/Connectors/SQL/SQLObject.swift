import Changes
import JSON
import ODBC

/// A table behind an ODBC driver as an endpoint. A record's key is the values of the key's columns in their order.
///
/// Its changes are found by asking for them, as those of polled tables.
struct SQLObject: RemoteObject {
  let endpoint: EndpointName
  let rules: SQLTableRules
  let database: SQLDatabase
  private let polling: PollSettings
  let stamps = StampClock()
  let bell = Bell()

  var actions: Set<Write.Action> { rules.isReadOnly ? [] : [.create, .update, .delete] }
  var changes: ObjectChanges? { .compared(SQLPolledTable(object: self), polling) }

  init(_ endpoint: EndpointName, _ rules: SQLTableRules, in database: SQLDatabase, pull: Schedule) {
    self.endpoint = endpoint
    self.rules = rules
    self.database = database
    polling = rules.polling(pull)
  }

  func wake() { bell.ring() }

  func shape() async throws -> SQLTableShape { try await database.shape(of: endpoint.name, rules) }

  /// Runs a read with the table as it is. What does not fit any more is looked at again the next time.
  func read<Result: Sendable>(
    _ body: @escaping @Sendable (ODBCSession, SQLTableShape) throws -> Result
  ) async throws -> Result {
    let shape = try await shape()
    do { return try await database.run(.reading) { session, _ in try body(session, shape) } } catch {
      await database.forgetShape(of: endpoint.name)
      throw error
    }
  }

  /// Nil for a row that counts as deleted.
  func record(_ fields: JSONObject, _ shape: SQLTableShape, _ stamp: Stamp) -> Record? {
    guard !isDeleted(fields, shape) else { return nil }
    return Record(
      key: shape.key(of: fields), fields: fields, version: shape.version.flatMap { fields[$0.name]?.stringValue },
      modifiedAt: modifiedAt(fields), stamp: stamp)
  }

  func isDeleted(_ fields: JSONObject, _ shape: SQLTableShape) -> Bool {
    guard let deleted = rules.deleted, let column = try? shape.column(deleted.column) else { return false }
    return fields[deleted.column] == SQLValue.held(deleted.value, by: column)
  }

  /// True for the rows that do not count as deleted; nil where all of them do not.
  func isAlive(_ shape: SQLTableShape) throws(Failure) -> (sql: String, parameters: [ODBCParameter])? {
    guard let deleted = rules.deleted else { return nil }
    let column = try shape.column(deleted.column)
    guard !deleted.value.isNull else { return ("\(column.sql) IS NOT NULL", []) }
    return (
      "(\(column.sql) IS NULL OR \(column.sql) <> \(shape.dialect.place(for: column)))",
      [try SQLValue.parameter(deleted.value, for: column)]
    )
  }

  /// What the cursor's time says, where its zone is known.
  func modifiedAt(_ fields: JSONObject) -> Timestamp? {
    guard rules.zone == .utc, let text = rules.cursor.flatMap({ fields[$0]?.stringValue }) else { return nil }
    return TimeText.iso8601(text)
  }
}
