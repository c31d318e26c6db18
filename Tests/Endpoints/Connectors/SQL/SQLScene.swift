import Changes
import Connectors
import Foundation
import HTTP
import JSON
import Log
import ODBC
import Polling
import Support
import Testing

/// Databases behind an ODBC driver. SQLite's needs no server; MariaDB is there where `TIDEMARK_TEST_MARIADB` holds a connection
/// string of an account that may make databases.
enum SQLKind: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case sqlite = "SQLite"
  case mariadb = "MariaDB"

  static let server = ProcessInfo.processInfo.environment["TIDEMARK_TEST_MARIADB"]
  static var present: [SQLKind] { server == nil ? [.sqlite] : [.sqlite, .mariadb] }

  var testDescription: String { rawValue }
  /// A key that the database draws.
  var drawnKey: String { self == .sqlite ? "INTEGER PRIMARY KEY" : "INT PRIMARY KEY AUTO_INCREMENT" }
  var time: String { self == .sqlite ? "TEXT" : "DATETIME(6)" }
  var now: String { self == .sqlite ? "strftime('%Y-%m-%dT%H:%M:%f', 'now')" : "UTC_TIMESTAMP(6)" }
}

/// A database of an application with one table, an object for it as a connector hands it out, and the application's own
/// connection.
struct SQLScene {
  let kind: SQLKind
  let object: any RemoteObject
  let application: ODBCConnection
  private let folder: ScratchFolder

  /// - Parameters:
  ///   - rules: the object's, in the flow style of YAML.
  init(_ kind: SQLKind, _ schema: String..., table: String = "items", rules: String = "{}") async throws {
    self.kind = kind
    let folder = ScratchFolder()
    self.folder = folder
    let url: String
    switch kind {
    case .sqlite: url = "Driver={SQLite3};Database=\(folder.file("app.db"));Timeout=5000"
    case .mariadb:
      let server = try #require(SQLKind.server)
      let name = "t_" + UUID().uuidString.replacing("-", with: "").lowercased()
      let setup = try await ODBCConnection(connectionString: server)
      try await setup.run { _ = try $0.execute("CREATE DATABASE \(name)") }
      url = server + ";Database=\(name)"
    }
    application = try await ODBCConnection(connectionString: url)
    for statement in schema { try await application.run { _ = try $0.execute(statement) } }
    let manifest = try Manifest(
      text: "name: test\nengine: sql\nobjects: { \"\(table)\": \(rules) }", file: "test.yaml")
    object = try Connector(name: "erp", manifest: manifest, url: "odbc:" + url, auth: [:], client: HTTPClient())
      .object(table, pull: .every(.zero))
  }

  /// What the application does, each statement committed by itself.
  func execute(_ statements: String...) async throws {
    for statement in statements { try await application.run { _ = try $0.execute(statement) } }
  }

  func texts(_ query: String) async throws -> [String] {
    try await application.run { session in try session.all(query) { $0.text(0) ?? "NULL" } }
  }

  func apply(_ action: Write.Action, _ key: RecordKey?, _ fields: JSONObject, expected: JSONObject? = nil) async
    -> Outcome
  {
    let write = Write(
      action, key: key, fields: fields, expected: expected.map { .init(version: nil, fields: $0) }, idempotencyKey: "k")
    return await object.apply([write]).first ?? .retry(Failure(code: "none", message: "no outcome"), after: nil)
  }

  /// The table as capture polls it.
  func capture() async throws -> SQLCapture { try await SQLCapture(object, folder) }

  /// Ends what the server keeps of it.
  func close() async throws {
    guard kind == .mariadb else { return }
    try await application.run { session in
      let name = try session.first("SELECT DATABASE()") { $0.text(0) ?? "" } ?? ""
      try session.execute("DROP DATABASE \(name)")
    }
  }
}

/// Polls an object into a real log.
actor SQLCapture {
  private let poller: TablePoller
  private let log: ChangeLog
  private let name: SourceName
  private var position: Position?

  init(_ object: any RemoteObject, _ folder: ScratchFolder) async throws {
    guard case .compared(let table, let settings) = object.changes else {
      throw Failure(code: "test", message: "it is not polled")
    }
    log = try await ChangeLog(path: folder.file("log.db"), access: .writer)
    name = SourceName(of: object.endpoint)
    poller = TablePoller(table, settings, seen: log)
  }

  /// At least so many changes, however long the next sweep takes to come, and whatever else comes right behind them.
  func settle(atLeast count: Int = 0) async throws -> [Change] {
    var told: [Change] = []
    // A place becomes the mark one round after it was read, and rounds and sweeps take turns.
    var more = 20
    let patience = ContinuousClock.now + .seconds(30)
    while told.count < count || more > 0 {
      guard ContinuousClock.now < patience else {
        throw Failure(code: "test", message: "only \(told.count) changes came")
      }
      let batch = try await poller.next(after: position)
      try await log.append(batch, from: name)
      position = batch.through
      told += batch.changes
      if told.count >= count { more -= 1 }
    }
    return told
  }
}
