import Changes
import Postgres

/// What stands between Tidemark and the server may hand each transaction to another session: pgbouncer with
/// `pool_mode = transaction`. Settings made when a connection begins would then be lost, so that rows are told in another
/// form, and would turn up in sessions of the application, whose commits would not wait for the disk any more.
enum Pooler {
  /// Which of two connections asks next. No pool that takes turns among its sessions answers this the same way twice.
  private static let turns = [0, 1, 1, 0, 0, 1, 0, 1, 1, 0]

  /// - Throws: `Failure` where sessions are shared; `PostgresError` where the server cannot be reached.
  static func requireOwnSessions(at url: String) async throws {
    // Without any setting: they are what must not be left behind in a session of others.
    let connections = [PostgresConnection(url: url), PostgresConnection(url: url)]
    let begun = try await connections[0].run { ($0.firstBackend, try backend($0)) }
    guard begun.0 != begun.1 else { return }
    var backends: [Int?] = [nil, nil]
    for turn in turns {
      let backend = try await connections[turn].run(backend)
      guard backends[turn] ?? backend == backend, backends[1 - turn] != backend else { throw shared }
      backends[turn] = backend
    }
  }

  @Sendable private static func backend(_ session: PostgresSession) throws -> Int {
    try session.first("SELECT pg_backend_pid()") { Int($0.integer(0)) } ?? 0
  }

  private static let shared = Failure(
    code: "database.pooler",
    message: "a pooler hands each transaction to another session (pool_mode = transaction), so that settings are lost"
      + " and turn up in sessions of the application: give the url the server's own port, or let the pooler keep"
      + " Tidemark's sessions (in pgbouncer.ini: [users] ROLE = pool_mode=session)")
}
