import Postgres
import Support
import Testing

struct PostgresConnectionTests {
  @Test func valuesComeBackAsTheyWereBound() async throws {
    let connection = PostgresConnection(url: try await ScratchPostgres.database())
    let row = try await connection.run { session in
      try session.first(
        "SELECT $1::bigint, $2::text, $3::bytea, $4::text, $5::bool, current_setting('application_name')",
        [.integer(.min), .text("ü'\"\\ \n"), .binary([0, 255, 0]), .null, .bool(true)]
      ) { ($0.integer(0), $0.string(1), $0.string(2), $0.isNull(3), $0.bool(4), $0.string(5)) }
    }
    let found = try #require(row)
    #expect(found.0 == .min && found.1 == "ü'\"\\ \n" && found.2 == "\\x00ff00" && found.3 && found.4)
    #expect(found.5 == "tidemark")
  }

  @Test func anErrorHasItsStateAndNoValues() async throws {
    let connection = PostgresConnection(url: try await ScratchPostgres.database())
    let data = await #expect(throws: PostgresError.self) {
      try await connection.run { try $0.execute("SELECT $1::int", [.text("sekret")]) }
    }
    #expect(data?.sqlState == "22P02" && data?.description.contains("sekret") == false)
    try await connection.run { try $0.execute("CREATE TABLE t (id int PRIMARY KEY)") }
    let twice = await #expect(throws: PostgresError.self) {
      try await connection.transaction { session in
        try session.execute("INSERT INTO t VALUES (77)")
        try session.execute("INSERT INTO t VALUES (77)")
      }
    }
    #expect(twice?.isConstraint == true && twice?.constraint == "t_pkey")
    #expect(twice?.description.contains("77") == false)
    #expect(try await connection.run { try $0.first("SELECT count(*) FROM t") { $0.integer(0) } } == 0)
  }

  @Test func aLostConnectionThrowsAndTheNextUseConnectsAgain() async throws {
    let url = try await ScratchPostgres.database()
    let connection = PostgresConnection(url: url)
    let process = try await connection.run { try $0.first("SELECT pg_backend_pid()") { $0.integer(0) } }
    let other = PostgresConnection(url: url)
    _ = try await other.run { try $0.execute("SELECT pg_terminate_backend($1, 5000)", [.integer(process ?? 0)]) }
    let error = await #expect(throws: PostgresError.self) { try await connection.run { try $0.execute("SELECT 1") } }
    #expect(error?.isConnectionLost == true)
    #expect(try await connection.run { try $0.first("SELECT 7") { $0.integer(0) } } == 7)
  }

  @Test func aTransactionLeftOpenIsRolledBack() async throws {
    let connection = PostgresConnection(url: try await ScratchPostgres.database())
    try await connection.run { try $0.execute("CREATE TABLE t (id int)") }
    try await connection.run { try $0.execute("BEGIN; INSERT INTO t VALUES (1)") }
    #expect(try await connection.run { try $0.first("SELECT count(*) FROM t") { $0.integer(0) } } == 0)
  }

  @Test(arguments: [
    "postgres://me:pass%zz@localhost/x", "postgres://me:hush/hush@localhost/x", "postgres://me:hush@127.0.0.1:1/x",
    "postgres://me:hush@nowhere.invalid/x", "host=localhost password='hush port=hush",
  ])
  func noErrorShowsThePassword(url: String) async throws {
    let connection = PostgresConnection(url: url)
    let error = await #expect(throws: PostgresError.self) { try await connection.run { try $0.execute("SELECT 1") } }
    #expect(error?.isConnectionLost == true)
    #expect(error.map { !$0.description.contains("hush") && !$0.description.contains("pass%") } == true)
  }

  @Test func identifiersAndLiteralsAreQuotedWhateverTheyHold() async throws {
    let connection = PostgresConnection(url: try await ScratchPostgres.database())
    for name in ["a", "we\"ird; DROP", "tab\tnew\nline", "é'", "back\\slash", "\"\u{301}'\u{301}\\\u{301}"] {
      let sql = "SELECT \(quoted(postgresLiteral: name)) AS \(quoted(postgresIdentifier: name))"
      let found = try await connection.run { try $0.first(sql) { [$0.name(0), $0.string(0)] } }
      #expect(found == [name, name])
    }
  }
}
