import Changes
import JSON
import Postgres
import PostgresDatabase
import Support

/// A scratch database with an application's connection, and the endpoint under test.
struct PostgresScene {
  let url: String
  let application: PostgresConnection
  let database: PostgresDatabase
  let tables: [String]
  let capture: CaptureMode
  let restrictions: [String: RowRestriction]

  /// - Parameters:
  ///   - schema: what the application has made before Tidemark comes.
  ///   - restrictions: what of the tables' rows may be told.
  init(
    _ schema: String, tables: [String], capture: CaptureMode = .trigger, attached: Bool = true,
    restrictions: [String: RowRestriction] = [:]
  ) async throws {
    self.restrictions = restrictions
    url = try await ScratchPostgres.database()
    application = PostgresConnection(url: url)
    self.tables = tables
    self.capture = capture
    try await application.run { try $0.execute(schema) }
    database = try await PostgresDatabase(
      name: "shop", url: url, tables: tables, capture: capture, restrictions: restrictions)
    if attached { try await database.attach(tables) }
  }

  /// The scratch database's own name.
  var name: String { String(url.split(separator: "?")[0].split(separator: "/").last ?? "") }

  func execute(_ sql: String) async throws { try await application.run { try $0.execute(sql) } }

  func text(_ sql: String) async throws -> String {
    try await application.run { try $0.first(sql) { $0.string(0) } } ?? ""
  }

  /// The endpoint as a service that has just been started has it.
  func reader() async throws -> PostgresDatabase {
    try await PostgresDatabase(
      name: "shop", url: url, tables: tables, capture: capture, restrictions: restrictions)
  }

  /// Everything captured after `position`, released as it is read.
  func drain(after position: Position? = nil) async throws -> (changes: [Change], through: Position) {
    try await database.drain(after: position)
  }
}

extension PostgresDatabase {
  /// Everything captured after `position`, released as it is read.
  func drain(after position: Position? = nil) async throws -> (changes: [Change], through: Position) {
    var changes: [Change] = []
    var position = position
    while true {
      let batch = try await next(after: position)
      changes += batch.changes
      try await release(through: batch.through)
      position = batch.through
      if batch.completeAsOf != nil { return (changes, batch.through) }
    }
  }
}

extension Change {
  /// `insert 1`, `delete [1,"a"]`: for comparing in one line.
  var brief: String { "\(operation) \(key)" }
  var object: JSONObject? { try? JSONObject(parsing: row) }
}
