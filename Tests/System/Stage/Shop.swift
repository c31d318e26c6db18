import Foundation
import Postgres
import SQLite
import Support
import Testing

/// The databases every promise is tested on, in each way their changes are captured as they happen.
enum DatabaseKind: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case sqlite = "SQLite"
  case postgres = "PostgreSQL"
  case postgresWAL = "PostgreSQL by its WAL"

  var testDescription: String { rawValue }
  /// As `tidemark.yaml` names it.
  var capture: String { self == .postgresWAL ? "wal" : "trigger" }
}

/// The shop's own application: it writes plain SQL and knows nothing of Tidemark. Rows are read as text.
struct Shop: Sendable {
  private enum Connection: Sendable {
    case sqlite(SQLiteConnection)
    case postgres(PostgresConnection)
  }

  let kind: DatabaseKind
  /// As `tidemark.yaml` names it.
  let url: String
  private let connection: Connection

  /// A new shop, filled from the fixtures.
  /// - Parameter database: the URL of an empty PostgreSQL database; nil: a scratch database.
  init(_ kind: DatabaseKind, in folder: String, database: String? = nil) async throws {
    self.kind = kind
    switch kind {
    case .sqlite:
      url = "sqlite:shop.db"
      connection = .sqlite(try await SQLiteConnection(path: "\(folder)/shop.db", access: .create))
    case .postgres, .postgresWAL:
      if let database { url = database } else { url = try await ScratchPostgres.database() }
      connection = .postgres(PostgresConnection(url: url))
    }
    let fixture = kind == .sqlite ? "shop.sql" : "shop-postgres.sql"
    try await execute(String(contentsOfFile: "\(Self.fixtures)/\(fixture)", encoding: .utf8))
  }

  private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../fixtures").standardized.path

  /// Runs statements in one transaction.
  func execute(_ statements: String...) async throws {
    switch connection {
    case .sqlite(let connection):
      try await connection.transaction { session in for sql in statements { try session.execute(sql) } }
    case .postgres(let connection):
      try await connection.transaction { session in for sql in statements { try session.execute(sql) } }
    }
  }

  func rows(_ sql: String) async throws -> [[String]] {
    switch connection {
    case .sqlite(let connection):
      try await connection.run { session in
        try session.all(sql) { row in (0..<row.columnCount).map { row.string($0) } }
      }
    case .postgres(let connection):
      try await connection.run { session in
        try session.all(sql) { row in (0..<row.columnCount).map { row.string($0) } }
      }
    }
  }

  /// The first column of the first row; nil without a row.
  func value(_ sql: String) async throws -> String? { try await rows(sql).first?.first }

  /// Keeps every value a column ever gets, in order, in the table `heard`: what a test cannot see by looking now and then.
  func listen(to column: String, of table: String, by key: String) async throws {
    let insert = "INSERT INTO heard (record, value) VALUES (NEW.\(key), NEW.\(column));"
    switch kind {
    case .sqlite:
      try await execute(
        "CREATE TABLE heard (number INTEGER PRIMARY KEY AUTOINCREMENT, record TEXT, value TEXT)",
        "CREATE TRIGGER hears AFTER UPDATE OF \(column) ON \(table) BEGIN \(insert) END")
    case .postgres, .postgresWAL:
      try await execute(
        "CREATE TABLE heard (number bigserial PRIMARY KEY, record text, value text)",
        "CREATE FUNCTION hears() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \(insert) RETURN NEW; END $$",
        "CREATE TRIGGER hears AFTER UPDATE OF \(column) ON \(table) FOR EACH ROW EXECUTE FUNCTION hears()")
    }
  }

  /// The schema as the database's own tool dumps it.
  func schema() async throws -> [String] {
    switch kind {
    case .sqlite:
      // SQLite makes `sqlite_sequence` for the first AUTOINCREMENT of a file, and nobody can drop it; empty, it is nothing.
      let own = try await rows("SELECT coalesce(sql, name) FROM sqlite_schema WHERE name <> 'sqlite_sequence'")
      let hasSequence = try await value("SELECT name FROM sqlite_schema WHERE name = 'sqlite_sequence'") != nil
      return own.map { $0[0] }.sorted()
        + (hasSequence ? try await rows("SELECT name FROM sqlite_sequence").map { $0[0] } : [])
    case .postgres, .postgresWAL:
      // The dump begins and ends with a random word.
      return try ScratchPostgres.cluster().run("pg_dump", ["-s", url]).split(separator: "\n").map(String.init)
        .filter { !$0.hasPrefix("\\restrict") && !$0.hasPrefix("\\unrestrict") }
    }
  }
}
