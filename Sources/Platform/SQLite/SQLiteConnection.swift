import Blocking
import CSQLite

/// One connection to a SQLite file, with a thread of its own and its prepared statements kept.
///
/// The actor gives exclusive use: everything inside one `run` happens without another caller in between, which is
/// what transactions need. Values go in as bindings, never as SQL text.
package actor SQLiteConnection {
  private let executor = BlockingExecutor(label: "sqlite")
  package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  package nonisolated let path: String
  private let session: SQLiteSession

  package enum Access: Sendable {
    /// The file must exist and is never written.
    case read
    /// The file must exist.
    case write
    /// The file is made where it does not exist.
    case create
  }

  /// - Parameter busyTimeout: how long a statement waits for another process's lock before it fails with `SQLITE_BUSY`.
  /// - Throws: `SQLiteError`, also for a file that is no database.
  package init(path: String, access: Access, busyTimeout: Duration = .seconds(10)) async throws(SQLiteError) {
    self.path = path
    self.session = try SQLiteSession(path: path, access: access, busyTimeout: busyTimeout)
  }

  /// Runs `body` with exclusive use of the connection, on the connection's thread.
  package func run<Result: Sendable>(_ body: @Sendable (SQLiteSession) throws -> Result) throws -> Result {
    try body(session)
  }

  /// Runs `body` in one transaction: committed when it returns, rolled back when it throws.
  package func transaction<Result: Sendable>(
    _ kind: SQLiteSession.TransactionKind = .immediate, _ body: @Sendable (SQLiteSession) throws -> Result
  ) throws -> Result {
    try session.transaction(kind) { try body(session) }
  }
}
