import Blocking
import CODBC

/// One connection through the driver manager, with a thread of its own and its prepared statements kept.
///
/// The actor gives exclusive use: everything inside one `run` happens without another caller in between. Values go in as
/// parameters, never as SQL text.
package actor ODBCConnection {
  private let executor = BlockingExecutor(label: "odbc")
  package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  private let session: ODBCSession
  package nonisolated let facts: ODBCFacts

  /// - Parameters:
  ///   - connectionString: as for `SQLDriverConnect`: `DSN=…` or `Driver={…};Server=…`, with its secrets. Kept by nobody.
  ///   - text: how the driver takes text; nil: as is known of it.
  ///   - timeout: for connecting, and for each statement where the driver can end one.
  package init(connectionString: String, text: ODBCText? = nil, timeout: Duration = .seconds(60))
    async throws(ODBCError)
  {
    session = try ODBCSession(connectionString: connectionString, text: text, timeout: timeout)
    facts = session.facts
  }

  /// Runs `body` with exclusive use of the connection, on the connection's thread.
  package func run<Result: Sendable>(_ body: @Sendable (ODBCSession) throws -> Result) throws -> Result {
    try body(session)
  }
}
