import Blocking

/// A connection to a walsender, with a thread of its own: it streams what a logical replication slot decodes.
///
/// Like `PostgresConnection` it gives exclusive use, and a call that noticed a lost connection throws. It does not
/// connect again by itself, since only its caller knows from where the stream goes on.
package actor ReplicationConnection {
  private let executor = BlockingExecutor(label: "postgres-wal")
  package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  private let stream: ReplicationStream

  /// Connects and starts the stream.
  /// - Parameters:
  ///   - url: as `PostgresConnection` takes it; a pooler cannot stand in between.
  ///   - setup: statements before the stream starts, such as `SET "TimeZone" = 'UTC'`.
  ///   - slot: of the plugin `pgoutput`.
  ///   - position: changes of transactions that committed before it are not sent.
  /// - Throws: `PostgresError`; state 55006 where another session streams from the slot.
  package init(
    url: String, setup: String, slot: String, publication: String, from position: LSN
  ) async throws(PostgresError) {
    stream = try ReplicationStream(
      url: url, setup: setup, slot: slot, publication: publication, from: position)
  }

  /// Runs `body` with exclusive use of the stream, on the connection's thread.
  package func run<Result: Sendable>(_ body: @Sendable (ReplicationStream) throws -> Result) throws -> Result {
    try body(stream)
  }
}
