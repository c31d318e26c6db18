import CSQLite

/// What a `SQLiteConnection` lends to the body it runs: statements and transactions. Stays on the connection's thread.
package final class SQLiteSession {
  private let handle: ConnectionHandle
  private let busyTimeout: Duration
  private var prepared: [String: StatementHandle] = [:]
  private static let mostPrepared = 256

  init(path: String, access: SQLiteConnection.Access, busyTimeout: Duration) throws(SQLiteError) {
    let flags =
      switch access {
      case .read: SQLITE_OPEN_READONLY
      case .write: SQLITE_OPEN_READWRITE
      case .create: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
      }
    handle = try ConnectionHandle(path: path, flags: flags | SQLITE_OPEN_EXRESCODE)
    self.busyTimeout = busyTimeout
    handle.wait(atMost: busyTimeout)
    // A file from elsewhere may hold hostile schemas: functions in them get no rights, corrupt cells are noticed.
    try execute("PRAGMA trusted_schema = OFF")
    try execute("PRAGMA cell_size_check = ON")
  }

  package enum TransactionKind: String, Sendable {
    /// Reads see one state; nothing is locked for writers.
    case deferred = "BEGIN DEFERRED"
    /// Takes the write lock at once, so that it cannot fail half-way for want of it.
    case immediate = "BEGIN IMMEDIATE"
  }

  package func transaction<Result>(_ kind: TransactionKind, _ body: () throws -> Result) throws -> Result {
    try execute(kind.rawValue)
    do {
      let result = try body()
      try execute("COMMIT")
      return result
    } catch {
      // Some errors (a full disk) have rolled back already.
      if unsafe sqlite3_get_autocommit(handle.pointer) == 0 { try? execute("ROLLBACK") }
      throw error
    }
  }

  /// Runs `body` with another busy timeout than the connection's own.
  package func waiting<Result>(atMost timeout: Duration, _ body: () throws -> Result) rethrows -> Result {
    handle.wait(atMost: timeout)
    defer { handle.wait(atMost: busyTimeout) }
    return try body()
  }

  /// Runs one or more statements without bindings or results.
  package func execute(_ sql: String) throws(SQLiteError) {
    var message: UnsafeMutablePointer<CChar>?
    let code = unsafe sqlite3_exec(handle.pointer, sql, nil, nil, &message)
    unsafe sqlite3_free(message)
    guard code == SQLITE_OK else { throw handle.error(code, sql) }
  }

  /// Runs one statement to its end, without looking at rows.
  package func execute(_ sql: String, _ bindings: [SQLiteValue]) throws(SQLiteError) {
    let statement = try prepare(sql, bindings)
    defer { statement.reset() }
    while try step(statement, sql) {}
  }

  /// Runs one statement and hands each row to `body` while it stands.
  package func rows(_ sql: String, _ bindings: [SQLiteValue] = [], _ body: (SQLiteRow) throws -> Void) throws {
    let statement = try prepare(sql, bindings)
    defer { statement.reset() }
    let row = unsafe SQLiteRow(statement: statement.pointer)
    while try step(statement, sql) { try body(row) }
  }

  package func all<Value>(
    _ sql: String, _ bindings: [SQLiteValue] = [], _ transform: (SQLiteRow) throws -> Value
  ) throws -> [Value] {
    var values: [Value] = []
    try rows(sql, bindings) { values.append(try transform($0)) }
    return values
  }

  package func first<Value>(
    _ sql: String, _ bindings: [SQLiteValue] = [], _ transform: (SQLiteRow) throws -> Value
  ) throws -> Value? {
    let statement = try prepare(sql, bindings)
    defer { statement.reset() }
    guard try step(statement, sql) else { return nil }
    return try transform(unsafe SQLiteRow(statement: statement.pointer))
  }

  /// The name of the collation that a column of a table in the main database was declared with; `BINARY` for a view's.
  package func collation(of column: String, in table: String) -> String {
    var collation: UnsafePointer<CChar>?
    let code = unsafe sqlite3_table_column_metadata(
      handle.pointer, "main", table, column, nil, &collation, nil, nil, nil)
    guard code == SQLITE_OK, let name = unsafe collation else { return "BINARY" }
    return unsafe String(cString: name)
  }

  /// Rows changed by the last insert, update or delete, not counting those that triggers changed.
  package var changes: Int { Int(unsafe sqlite3_changes64(handle.pointer)) }
  package var lastInsertRowid: Int64 { unsafe sqlite3_last_insert_rowid(handle.pointer) }

  private func prepare(_ sql: String, _ bindings: [SQLiteValue]) throws(SQLiteError) -> StatementHandle {
    let statement: StatementHandle
    if let known = prepared[sql] {
      statement = known
    } else {
      statement = try StatementHandle(sql, handle)
      // Statements that are running are kept by whoever runs them.
      if prepared.count >= Self.mostPrepared { prepared.removeAll() }
      prepared[sql] = statement
    }
    for (index, value) in bindings.enumerated() {
      let code = statement.bind(value, at: Int32(index + 1))
      guard code == SQLITE_OK else { throw handle.error(code, sql) }
    }
    return statement
  }

  private func step(_ statement: StatementHandle, _ sql: String) throws(SQLiteError) -> Bool {
    switch unsafe sqlite3_step(statement.pointer) {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    case let code: throw handle.error(code, sql)
    }
  }

  deinit { prepared.removeAll() }
}

/// Sole owner of a `sqlite3*`: its end of life is the connection's.
@safe private final class ConnectionHandle {
  let pointer: OpaquePointer

  init(path: String, flags: Int32) throws(SQLiteError) {
    var opened: OpaquePointer?
    let code = unsafe sqlite3_open_v2(path, &opened, flags, nil)
    guard code == SQLITE_OK, let pointer = unsafe opened else {
      unsafe sqlite3_close_v2(opened)
      throw SQLiteError(code: code, message: "\(unsafe String(cString: sqlite3_errstr(code))): \(path)", sql: "open")
    }
    unsafe self.pointer = pointer
  }

  func wait(atMost timeout: Duration) {
    unsafe sqlite3_busy_timeout(pointer, Int32(timeout / .milliseconds(1)))
  }

  func error(_ code: Int32, _ sql: String) -> SQLiteError {
    SQLiteError(code: code, message: unsafe String(cString: sqlite3_errmsg(pointer)), sql: sql)
  }

  deinit { unsafe sqlite3_close_v2(pointer) }
}

/// Sole owner of a `sqlite3_stmt*`.
@safe private final class StatementHandle {
  let pointer: OpaquePointer

  init(_ sql: String, _ connection: ConnectionHandle) throws(SQLiteError) {
    var prepared: OpaquePointer?
    let code = unsafe sqlite3_prepare_v3(
      connection.pointer, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
    guard code == SQLITE_OK, let pointer = unsafe prepared else { throw connection.error(code, sql) }
    unsafe self.pointer = pointer
  }

  func bind(_ value: SQLiteValue, at index: Int32) -> Int32 {
    // SQLITE_TRANSIENT: SQLite copies the bytes before the call returns.
    let copy = unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    return switch value {
    case .null: unsafe sqlite3_bind_null(pointer, index)
    case .integer(let value): unsafe sqlite3_bind_int64(pointer, index, value)
    case .real(let value): unsafe sqlite3_bind_double(pointer, index, value)
    case .text(let bytes):
      // The zero byte is not counted: it gives a text without bytes an address, since SQLite takes null as NULL.
      unsafe (bytes + [0]).withUnsafeBufferPointer { buffer in
        unsafe buffer.withMemoryRebound(to: CChar.self) {
          unsafe sqlite3_bind_text64(pointer, index, $0.baseAddress, UInt64(bytes.count), copy, UInt8(SQLITE_UTF8))
        }
      }
    case .blob(let bytes):
      unsafe bytes.withUnsafeBytes {
        unsafe $0.isEmpty
          ? unsafe sqlite3_bind_zeroblob(pointer, index, 0)
          : unsafe sqlite3_bind_blob64(pointer, index, $0.baseAddress, UInt64($0.count), copy)
      }
    }
  }

  func reset() {
    unsafe sqlite3_reset(pointer)
    unsafe sqlite3_clear_bindings(pointer)
  }

  deinit { unsafe sqlite3_finalize(pointer) }
}
