import Changes
import JSON
import Postgres
import PostgresDatabase
import Support
import Testing

/// A pooler in front of the server: of the application, and in the way of Tidemark.
@Suite(.enabled(if: ScratchPooler.isInstalled, "pgbouncer is not installed: scripts/install-dependencies tests"))
struct PoolerTests {
  private static let items = "CREATE TABLE items (id int PRIMARY KEY, at timestamptz, blob bytea)"

  @Test(arguments: [CaptureMode.trigger, .wal, .auto, .poll])
  func `A pooler that shares sessions is refused with words, before anything is left behind in them`(
    capture: CaptureMode
  ) async throws {
    let scene = try await PostgresScene(Self.items, tables: ["items"], attached: false)
    let pooler = try ScratchPooler(mode: "transaction")
    let failure = await #expect(throws: Failure.self) {
      try await PostgresDatabase(name: "shop", url: pooler.url(scene.name), tables: ["items"], capture: capture)
    }
    #expect(failure?.code == "database.pooler")
    #expect(failure?.message.contains("server's own port") == true)
    let settings = "SELECT current_setting('synchronous_commit') || current_setting('extra_float_digits')"
    let direct = try await scene.text(settings)
    let pooled = PostgresConnection(url: pooler.url(scene.name))
    #expect(try await pooled.run { try $0.first(settings) { $0.string(0) } } == direct)
  }

  @Test func `A pooler that keeps sessions may stand between, though no stream of the WAL passes it`() async throws {
    let scene = try await PostgresScene(Self.items, tables: ["items"], attached: false)
    let pooler = try ScratchPooler(mode: "session")
    let url = pooler.url(scene.name)
    let streaming = try await PostgresDatabase(name: "shop", url: url, tables: ["items"], capture: .wal)
    let findings = try await streaming.check(["items"])
    #expect(findings.map(\.subject) == ["replication"])
    #expect(findings.first?.remedy?.contains("not that of a pooler") == true)

    let database = try await PostgresDatabase(name: "shop", url: url, tables: ["items"], capture: .auto)
    let warnings = try await database.check(["items"])
    #expect(warnings.map(\.severity) == [.warning] && warnings.first?.subject == "replication", "\(warnings)")
    try await database.attach(["items"])
    try await scene.execute("INSERT INTO items VALUES (1, '2026-11-24 12:00+00', '\\x00ff')")
    let rows = try await database.drain().changes.map { String(decoding: $0.row, as: UTF8.self) }
    #expect(rows == [#"{"at": "2026-11-24T12:00:00+00:00", "id": 1, "blob": "\\x00ff"}"#])
  }

  @Test(arguments: [CaptureMode.trigger, .wal])
  func `An application behind a pooler that shares sessions is captured whole`(capture: CaptureMode) async throws {
    let scene = try await PostgresScene(Self.items, tables: ["items"], capture: capture)
    let pooler = try ScratchPooler(mode: "transaction")
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 0..<4 {
        group.addTask {
          // Settings of one client turn up in the transactions of the others.
          let connection = PostgresConnection(
            url: pooler.url(scene.name),
            setup: writer % 2 == 0 ? "SET bytea_output = escape; SET DateStyle = 'SQL'" : "")
          for number in 0..<50 {
            let id = writer * 1000 + number
            try await connection.transaction { session in
              try session.execute("INSERT INTO items VALUES (\(id), '2026-01-02 03:04:05+00', '\\x00ff')")
              if number % 2 == 0 { try session.execute("UPDATE items SET id = -id - 1 WHERE id = \(id)") }
            }
          }
        }
      }
      try await group.waitForAll()
    }
    var rows: [RecordKey: String] = [:]
    for change in try await scene.drain().changes {
      rows[change.key] = change.operation == .delete ? nil : String(decoding: change.row, as: UTF8.self)
    }
    let expected = try await scene.application.run { session in
      try session.all("SELECT id FROM items") { row in
        (
          RecordKey(.integer(row.integer(0))),
          #"{"at": "2026-01-02T03:04:05+00:00", "id": \#(row.integer(0)), "blob": "\\x00ff"}"#
        )
      }
    }
    #expect(expected.count == 200)
    #expect(rows == Dictionary(expected) { first, _ in first })
  }
}
