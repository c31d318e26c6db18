import Changes
import Foundation
import JSON
import SQLiteDatabase
import Testing

/// A database file of a test's own, written by the `sqlite3` command line: another process with another library.
final class ScratchDatabase: Sendable {
  let directory: URL
  var path: String { directory.appending(path: "app.db").path }

  init(_ schema: String) throws {
    directory = FileManager.default.temporaryDirectory.appending(path: "tidemark-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    try shell(schema)
  }

  deinit { try? FileManager.default.removeItem(at: directory) }

  func process(_ sql: String) throws -> (Process, Pipe) {
    let process = Process()
    let (input, output) = (Pipe(), Pipe())
    process.executableURL = URL(filePath: "/usr/bin/sqlite3")
    process.arguments = ["-bail", "-cmd", ".timeout 20000", path]
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    try input.fileHandleForWriting.write(contentsOf: Data((sql + "\n").utf8))
    try input.fileHandleForWriting.close()
    return (process, output)
  }

  /// Runs statements in another process, which must succeed.
  @discardableResult
  func shell(_ sql: String) throws -> String {
    let (process, output) = try process(sql)
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "sqlite3 failed on: \(sql)")
    return String(decoding: data, as: UTF8.self)
  }

  func schema() throws -> String {
    try shell("SELECT type, name, sql FROM sqlite_schema WHERE name <> 'sqlite_sequence' ORDER BY name;")
  }

  func attached(_ tables: [String]) async throws -> SQLiteDatabase {
    let database = try await SQLiteDatabase(name: "shop", path: path, tables: tables)
    try await database.attach(tables)
    return database
  }
}

extension ChangeSource {
  /// Everything from `position` until the source has nothing more.
  func drain(after position: Position? = nil) async throws -> (changes: [Change], through: Position?) {
    var (changes, through) = ([Change](), position)
    while true {
      let batch = try await next(after: through)
      changes += batch.changes
      through = batch.through
      if batch.completeAsOf != nil { return (changes, through) }
    }
  }
}

extension Change {
  var text: String { "\(operation) \(key) \(String(decoding: row, as: UTF8.self))" }
}

func write(
  _ action: Write.Action, _ key: RecordKey?, _ fields: JSONObject, expecting expected: JSONObject? = nil
) -> Write {
  Write(
    action, key: key, fields: fields, expected: expected.map { Write.Known(version: nil, fields: $0) },
    idempotencyKey: "k")
}

extension Outcome {
  var name: String {
    switch self {
    case .applied: "applied"
    case .mismatch: "mismatch"
    case .retry: "retry"
    case .unavailable: "unavailable"
    case .rejected: "rejected"
    case .unknown: "unknown"
    }
  }

  var failure: Failure? {
    switch self {
    case .applied, .mismatch: nil
    case .retry(let failure, _), .unavailable(let failure, _), .rejected(let failure), .unknown(let failure): failure
    }
  }
}
