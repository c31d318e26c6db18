import Foundation
import JSON
import Postgres
import SQLite
import Support

/// A table that nobody has thought of before, in a real database, with applications that write to it. Every row has a `uid` of
/// its own for ever, and a `version` that only grows.
struct RandomTable: Sendable {
  enum Capture: String, CaseIterable, Sendable {
    case sqliteTriggers = "SQLite by triggers"
    case sqlitePolled = "SQLite polled"
    case postgresTriggers = "PostgreSQL by triggers"
    case postgresWAL = "PostgreSQL by its WAL"
    case postgresPolled = "PostgreSQL polled"

    var isSQLite: Bool { self == .sqliteTriggers || self == .sqlitePolled }

    /// As `tidemark.yaml` has it.
    var text: String {
      switch self {
      case .sqliteTriggers, .postgresTriggers: "trigger"
      case .postgresWAL: "wal"
      case .sqlitePolled, .postgresPolled: "{ mode: poll, every: 300ms }"
      }
    }
  }

  private enum Kind: CaseIterable {
    case text, short, integer, decimal, truth, time

    func type(_ isSQLite: Bool) -> String {
      switch self {
      case .text: isSQLite ? "TEXT" : "text"
      case .short: isSQLite ? "TEXT" : "varchar(40)"
      case .integer: isSQLite ? "INTEGER" : "bigint"
      case .decimal: isSQLite ? "REAL" : "numeric(20,4)"
      case .truth: isSQLite ? "INTEGER" : "boolean"
      case .time: isSQLite ? "TEXT" : "timestamptz"
      }
    }
  }

  let capture: Capture
  let url: String
  let columns: [String]
  /// As a seed made it, for who reads a failure.
  let schema: String
  private let kinds: [Kind]
  private let key: String
  private let path: String

  init(_ capture: Capture, in folder: String, _ numbers: inout SeededNumbers) async throws {
    self.capture = capture
    kinds = (0..<Int.random(in: 1...6, using: &numbers)).map { _ in
      Kind.allCases.randomElement(using: &numbers) ?? .text
    }
    columns = kinds.indices.map { "c\($0)" }
    let text = capture.isSQLite ? "TEXT" : "text"
    let keys = ["uid \(text) PRIMARY KEY", "id integer PRIMARY KEY, uid \(text) NOT NULL UNIQUE"]
    let composite = "part \(text) NOT NULL, id integer NOT NULL, uid \(text) NOT NULL UNIQUE, PRIMARY KEY (part, id)"
    let isComposite = Int.random(in: 0..<3, using: &numbers) == 0
    let chosen = keys.randomElement(using: &numbers) ?? keys[0]
    key = isComposite ? "part, id, uid" : chosen.hasPrefix("uid") ? "uid" : "id, uid"
    let isSQLite = capture.isSQLite
    let list = zip(columns, kinds).map { "\($0) \($1.type(isSQLite))" } + ["version bigint NOT NULL"]
    schema =
      "CREATE TABLE things ("
      + (isComposite ? list.joined(separator: ", ") + ", " + composite : "\(chosen), " + list.joined(separator: ", "))
      + ")"
    path = "\(folder)/things.db"
    if capture.isSQLite { _ = try await SQLiteConnection(path: path, access: .create) }
    url = capture.isSQLite ? "sqlite:things.db" : try await ScratchPostgres.database()
    try await connect().execute([schema])
  }

  /// A connection of its own: each writer has one. Times are told in UTC, as Tidemark tells them.
  func connect() async throws -> Writer {
    capture.isSQLite
      ? Writer(sqlite: try await SQLiteConnection(path: path, access: .write), postgres: nil)
      : Writer(sqlite: nil, postgres: PostgresConnection(url: url, setup: "SET timezone = 'UTC'"))
  }

  struct Writer: Sendable {
    fileprivate let sqlite: SQLiteConnection?
    fileprivate let postgres: PostgresConnection?

    /// In one transaction.
    func execute(_ statements: [String]) async throws {
      if let sqlite {
        try await sqlite.transaction { session in for sql in statements { try session.execute(sql) } }
      } else if let postgres {
        try await postgres.transaction { session in for sql in statements { try session.execute(sql) } }
      }
    }

    fileprivate func rows(_ sql: String) async throws -> [JSONObject] {
      let rows: [[UInt8]]? =
        if let sqlite {
          try await sqlite.run { session in try session.all(sql) { $0.bytes(0) } }
        } else {
          try await postgres?.run { session in try session.all(sql) { $0.bytes(0) } }
        }
      return try (rows ?? []).map { try JSONObject(parsing: $0) }
    }
  }

  /// What the table holds now, by uid.
  func contents() async throws -> [String: JSONObject] {
    let names = ["uid", "version"] + columns
    let members = names.map { "'\($0)', \($0)" }.joined(separator: ", ")
    let build = capture.isSQLite ? "json_object(\(members))" : "jsonb_build_object(\(members))::text"
    let rows = try await connect().rows("SELECT \(build) FROM things")
    return Dictionary(rows.map { ($0["uid"]?.stringValue ?? "", $0) }) { first, _ in first }
  }

  // MARK: - What applications write

  private func value(_ kind: Kind, _ numbers: inout SeededNumbers) -> String {
    if Int.random(in: 0..<6, using: &numbers) == 0 { return "NULL" }
    switch kind {
    case .text:
      let pieces = ["Ärger", "日本", "🙂", "a''b", "\\n", "{\"x\":1}", " ", "plain"]
      // Now and then one that PostgreSQL keeps elsewhere.
      let count = Int.random(in: 0..<20, using: &numbers) == 0 ? 1_500 : Int.random(in: 0...4, using: &numbers)
      return "'" + (0..<count).map { _ in pieces.randomElement(using: &numbers) ?? "" }.joined() + "'"
    case .short: return "'s\(Int.random(in: 0..<1_000, using: &numbers))'"
    case .integer: return "\(Int64.random(in: -9_000_000_000_000_000...9_000_000_000_000_000, using: &numbers))"
    case .decimal:
      return capture.isSQLite
        ? "\(Int.random(in: -1_000...1_000, using: &numbers)).5"
        : "\(Int64.random(in: -900_000_000_000...900_000_000_000, using: &numbers)).\(Int.random(in: 0..<10_000, using: &numbers))"
    case .truth:
      return capture.isSQLite
        ? "\(Int.random(in: 0...1, using: &numbers))" : ["true", "false"].randomElement(using: &numbers) ?? "true"
    case .time:
      return
        "'2026-0\(Int.random(in: 1...9, using: &numbers))-11T08:30:0\(Int.random(in: 0...9, using: &numbers))+00:00'"
    }
  }

  func insert(_ number: Int, version: Int, _ numbers: inout SeededNumbers) -> String {
    let keys = ["part, id, uid": "'p\(number % 3)', \(number), 'u\(number)'", "uid": "'u\(number)'"]
    let values = kinds.map { value($0, &numbers) } + ["\(version)"]
    return "INSERT INTO things (\(key), \((columns + ["version"]).joined(separator: ", ")))"
      + " VALUES (\(keys[key] ?? "\(number), 'u\(number)'"), \(values.joined(separator: ", ")))"
  }

  func update(_ number: Int, _ numbers: inout SeededNumbers) -> String {
    let changed = zip(columns, kinds).filter { _ in Bool.random(using: &numbers) }
    let sets = changed.map { "\($0) = \(value($1, &numbers))" } + ["version = version + 1"]
    return "UPDATE things SET \(sets.joined(separator: ", ")) WHERE uid = 'u\(number)'"
  }

  func delete(_ number: Int) -> String { "DELETE FROM things WHERE uid = 'u\(number)'" }
}
