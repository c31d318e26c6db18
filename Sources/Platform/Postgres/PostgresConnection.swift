import Blocking

/// One connection to a PostgreSQL database, with a thread of its own.
///
/// The actor gives exclusive use: everything inside one `run` happens without another caller in between, which is
/// what transactions need. Values go in as bindings, never as SQL text.
///
/// It connects at its first use. When the connection is lost the call that noticed throws, since only its caller knows
/// whether the work may be repeated; the next call connects again. After an attempt that failed, calls throw that
/// failure at once for a growing while (0.1 s doubling to 5 s), so that callers in a loop do not flood a server that
/// is starting.
package actor PostgresConnection {
  private let executor = BlockingExecutor(label: "postgres")
  package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  private let url: String
  private let setup: String
  private var session: PostgresSession?
  private var pause = Duration.milliseconds(100)
  private var refused: (error: PostgresError, until: ContinuousClock.Instant)?

  private static let longestPause = Duration.seconds(5)

  /// - Parameters:
  ///   - url: a `postgres://` URL or a keyword string, as libpq reads them. Without `sslmode` a host that is not this
  ///     machine must prove itself (`verify-full`).
  ///   - setup: statements each new session starts with, such as `SET lock_timeout = '5s'`.
  package init(url: String, setup: String = "") {
    self.url = url
    self.setup = setup
  }

  /// Runs `body` with exclusive use of the connection, on the connection's thread. A transaction that `body` leaves
  /// open is rolled back.
  /// - Throws: `PostgresError`, and what `body` throws.
  package func run<Result: Sendable>(_ body: @Sendable (PostgresSession) throws -> Result) throws -> Result {
    let session = try connected()
    defer {
      session.endTransaction()
      if session.isLost { self.session = nil }
    }
    return try body(session)
  }

  /// Runs `body` in one transaction: committed when it returns, rolled back when it throws.
  package func transaction<Result: Sendable>(
    _ body: @Sendable (PostgresSession) throws -> Result
  ) throws -> Result {
    try run { session in try session.transaction { try body(session) } }
  }

  /// Ends the connection; a later `run` opens a new one.
  package func close() { session = nil }

  private func connected() throws(PostgresError) -> PostgresSession {
    if let session, !session.isLost { return session }
    if let refused, refused.until > .now { throw refused.error }
    do throws(PostgresError) {
      let opened = try PostgresSession(url: url)
      if !setup.isEmpty { try opened.execute(setup) }
      session = opened
      refused = nil
      pause = .milliseconds(100)
      return opened
    } catch {
      refused = (error, .now + pause)
      pause = min(pause * 2, Self.longestPause)
      throw error
    }
  }
}
