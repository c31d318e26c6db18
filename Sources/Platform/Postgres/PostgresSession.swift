import CPostgres

/// What a `PostgresConnection` lends to the body it runs: statements and transactions. Stays on the connection's thread.
///
/// Statements are unnamed, so that a pooler in transaction mode may stand in between.
package final class PostgresSession {
  let handle: ConnectionHandle

  init(url: String, for purpose: ConnectionParameters.Purpose = .statements) throws(PostgresError) {
    handle = try ConnectionHandle(ConnectionParameters(url: url, for: purpose))
  }

  /// The connection is gone; nothing more can be asked of this session.
  package var isLost: Bool { unsafe PQstatus(handle.pointer) != CONNECTION_OK }

  /// The server's version as `server_version_num` shows it: 150020 for 15.20.
  package var serverVersion: Int { Int(unsafe PQserverVersion(handle.pointer)) }

  /// The process that served this session when it began, as it was told then. Behind a pooler another one, or none of the
  /// server's at all, carries out a statement: `pg_backend_pid()` says which.
  package var firstBackend: Int { Int(unsafe PQbackendPID(handle.pointer)) }

  package func transaction<Result>(_ body: () throws -> Result) throws -> Result {
    try execute("BEGIN")
    do {
      let result = try body()
      try commit()
      return result
    } catch {
      endTransaction()
      throw error
    }
  }

  /// Commits. A transaction that a failed statement has doomed is an error here, not a silent rollback.
  package func commit() throws(PostgresError) {
    let result = try unsafe finished(PQexec(handle.pointer, "COMMIT"))
    guard result.command == "COMMIT" else {
      throw PostgresError(sqlState: "25P02", message: "the transaction was rolled back since a statement in it failed")
    }
  }

  /// Rolls back whatever is open; nothing where nothing is.
  package func endTransaction() {
    guard !isLost, unsafe PQtransactionStatus(handle.pointer) != PQTRANS_IDLE else { return }
    try? execute("ROLLBACK")
  }

  /// Runs one or more statements without bindings; without a `BEGIN` of their own they are one transaction.
  package func execute(_ sql: String) throws(PostgresError) {
    _ = try unsafe finished(PQexec(handle.pointer, sql))
  }

  /// Runs one statement with bindings `$1`, `$2`, ….
  /// - Returns: how many rows it inserted, updated, deleted or returned.
  @discardableResult
  package func execute(_ sql: String, _ bindings: [PostgresValue]) throws(PostgresError) -> Int {
    try result(sql, bindings).affected
  }

  /// Runs one statement and hands each row to `body`.
  package func rows(_ sql: String, _ bindings: [PostgresValue] = [], _ body: (PostgresRow) throws -> Void) throws {
    let result = try result(sql, bindings)
    for index in 0..<result.rowCount { try body(PostgresRow(result: result, index: Int32(index))) }
  }

  package func all<Value>(
    _ sql: String, _ bindings: [PostgresValue] = [], _ transform: (PostgresRow) throws -> Value
  ) throws -> [Value] {
    var values: [Value] = []
    try rows(sql, bindings) { values.append(try transform($0)) }
    return values
  }

  package func first<Value>(
    _ sql: String, _ bindings: [PostgresValue] = [], _ transform: (PostgresRow) throws -> Value
  ) throws -> Value? {
    let result = try result(sql, bindings)
    return result.rowCount == 0 ? nil : try transform(PostgresRow(result: result, index: 0))
  }

  /// Starts a stream in both directions; from now on the connection is the stream's alone.
  func startCopyBoth(_ sql: String) throws(PostgresError) {
    let pointer = unsafe PQexec(handle.pointer, sql)
    if let pointer = unsafe pointer, unsafe PQresultStatus(pointer) == PGRES_COPY_BOTH {
      unsafe PQclear(pointer)
      return
    }
    let unexpected = try unsafe finished(pointer)
    throw PostgresError(sqlState: "08P01", message: "the server answered \(unexpected.command) and started no stream")
  }

  /// Whether a walsender can be reached at the address: a connection to one is opened and closed again.
  /// - Throws: `PostgresError` that says why not.
  package static func requireReplication(at url: String) throws(PostgresError) {
    _ = try PostgresSession(url: url, for: .replication)
  }

  private func result(_ sql: String, _ bindings: [PostgresValue]) throws(PostgresError) -> ResultHandle {
    let bindings = try PackedBindings(bindings)
    return try unsafe finished(
      bindings.withPointers { values, lengths, formats in
        unsafe PQexecParams(
          handle.pointer, sql, Int32(bindings.count), nil, values.baseAddress, lengths.baseAddress,
          formats.baseAddress, 0)
      })
  }

  func finished(_ pointer: OpaquePointer?) throws(PostgresError) -> ResultHandle {
    guard let pointer = unsafe pointer else {
      throw PostgresError(sqlState: PostgresError.lost, message: handle.message)
    }
    let result = unsafe ResultHandle(pointer)
    switch unsafe PQresultStatus(pointer) {
    case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: return result
    default: throw result.error(isLost: isLost, fallback: handle.message)
    }
  }
}
