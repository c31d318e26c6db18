import Foundation
import SQLite
import Testing

@Suite struct SQLiteConnectionTests {
  func connection(_ path: String = ":memory:") async throws -> SQLiteConnection {
    try await SQLiteConnection(path: path, access: .create)
  }

  @Test func `Values come back as they were bound`() async throws {
    let values: [SQLiteValue] = [
      .null, .integer(.min), .integer(.max), .real(0.1 + 0.2), .real(.infinity), .text(""), .text([0x61, 0, 0xFF]),
      .blob([]), .blob([0, 255]),
    ]
    let connection = try await connection()
    for value in values {
      #expect(try await connection.run { try $0.first("SELECT ?", [value]) { $0.value(0) } } == value)
    }
  }

  @Test func `A transaction whose body throws leaves nothing behind`() async throws {
    struct Stop: Error {}
    let connection = try await connection()
    try await connection.run { try $0.execute("CREATE TABLE t (a)") }
    await #expect(throws: Stop.self) {
      try await connection.transaction { session in
        try session.execute("INSERT INTO t VALUES (1)")
        throw Stop()
      }
    }
    #expect(try await connection.run { try $0.first("SELECT count(*) FROM t") { $0.integer(0) } } == 0)
  }

  @Test func `A lock that another connection holds is told as busy`() async throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "tidemark-\(UUID().uuidString).db").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let holder = try await connection(path)
    let other = try await SQLiteConnection(path: path, access: .write, busyTimeout: .milliseconds(1))
    try await holder.run { try $0.execute("BEGIN IMMEDIATE") }
    let error = await #expect(throws: SQLiteError.self) {
      try await other.transaction { try $0.execute("CREATE TABLE t (a)") }
    }
    #expect(error?.isBusy == true)
  }

  @Test func `A broken rule is told as a constraint, a missing file as an error`() async throws {
    let connection = try await connection()
    let error = await #expect(throws: SQLiteError.self) {
      try await connection.run { session in
        try session.execute("CREATE TABLE t (a UNIQUE)")
        try session.execute("INSERT INTO t VALUES (1), (1)")
      }
    }
    #expect(error?.isConstraint == true)
    await #expect(throws: SQLiteError.self) {
      try await SQLiteConnection(path: "/nonexistent/file.db", access: .write)
    }
  }

  @Test(arguments: ["a\"b", "a'b", "a\"\u{301}, '\u{301}b"])
  func `Identifiers and literals are quoted whatever they contain`(name: String) async throws {
    let sql = "SELECT \(quoted(sqliteLiteral: name)) AS \(quoted(sqliteIdentifier: name))"
    let connection = try await connection()
    try await connection.run { session in
      try session.execute("CREATE TABLE t AS \(sql)")
      #expect(try session.all("SELECT name FROM pragma_table_info('t')") { $0.string(0) } == [name])
      #expect(try session.all("SELECT \(quoted(sqliteIdentifier: name)) FROM t") { $0.string(0) } == [name])
    }
  }
}
