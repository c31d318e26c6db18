import CODBC

/// What an `ODBCConnection` lends to the body it runs: statements and transactions. Stays on the connection's thread.
package final class ODBCSession {
  private let connection: ODBCHandle
  package let facts: ODBCFacts
  private let timeout: Duration
  /// Statements that are prepared; nil where a commit forgets them.
  private var prepared: [String: ODBCStatement]? = [:]
  private static let mostPrepared = 64

  init(connectionString: String, text: ODBCText?, timeout: Duration) throws(ODBCError) {
    let environment = try ODBCHandle(.environment, under: nil)
    try environment.check(unsafe tidemark_set_version(environment.pointer), "connect")
    connection = try ODBCHandle(.connection, under: environment)
    unsafe _ = tidemark_set_connection(
      connection.pointer, SQL_ATTR_LOGIN_TIMEOUT, SQLULEN(timeout.components.seconds))
    try Self.connect(connection, connectionString, isWide: text != .utf8)
    facts = try ODBCFacts(of: connection, text: text)
    self.timeout = timeout
    if facts.forgetsStatements { prepared = nil }
  }

  private static func connect(_ connection: ODBCHandle, _ string: String, isWide: Bool) throws(ODBCError) {
    var length: SQLSMALLINT = 0
    if isWide {
      var text = Array(string.utf16)
      var complete = [SQLWCHAR](repeating: 0, count: 4096)
      try connection.check(
        unsafe SQLDriverConnectW(
          connection.pointer, nil, &text, SQLSMALLINT(text.count), &complete, SQLSMALLINT(complete.count), &length,
          SQLUSMALLINT(SQL_DRIVER_NOPROMPT)), "connect")
    } else {
      var text = Array(string.utf8)
      var complete = [SQLCHAR](repeating: 0, count: 4096)
      try connection.check(
        unsafe SQLDriverConnect(
          connection.pointer, nil, &text, SQLSMALLINT(text.count), &complete, SQLSMALLINT(complete.count), &length,
          SQLUSMALLINT(SQL_DRIVER_NOPROMPT)), "connect")
    }
  }

  /// Runs a statement to its end, also a batch of several.
  /// - Returns: how many rows the first of them changed; -1 where the driver does not know.
  @discardableResult
  package func execute(_ sql: String, _ parameters: [ODBCParameter] = []) throws(ODBCError) -> Int {
    try ran(sql, parameters) { statement throws(ODBCError) in
      let count = try statement.rowCount()
      // What a later statement of a batch has to say comes only when it is asked for.
      while try statement.moreResults() {}
      return count
    }
  }

  /// Runs a statement and hands the rows of its first result that has any columns to `body`, at most `most`.
  package func rows(
    _ sql: String, _ parameters: [ODBCParameter] = [], most: Int = .max, _ body: (ODBCRow) throws -> Void
  ) throws {
    try ran(sql, parameters) { statement in
      var columns = try statement.columns()
      while columns.isEmpty {
        guard try statement.moreResults() else { return }
        columns = try statement.columns()
      }
      try Self.rows(of: statement, columns, most: most, body)
    }
  }

  package func all<Value>(
    _ sql: String, _ parameters: [ODBCParameter] = [], most: Int = .max, _ transform: (ODBCRow) throws -> Value
  ) throws -> [Value] {
    var values: [Value] = []
    try rows(sql, parameters, most: most) { values.append(try transform($0)) }
    return values
  }

  package func first<Value>(
    _ sql: String, _ parameters: [ODBCParameter] = [], _ transform: (ODBCRow) throws -> Value
  ) throws -> Value? {
    try all(sql, parameters, most: 1, transform).first
  }

  package enum Isolation: Sendable {
    /// What the database does by itself.
    case usual
    case serializable
  }

  /// Runs `body` in a transaction: committed when it returns, rolled back when it throws.
  ///
  /// An error with `act` `commit` leaves open whether it was.
  package func transaction<Result>(_ isolation: Isolation = .usual, _ body: () throws -> Result) throws -> Result {
    try set(SQL_ATTR_AUTOCOMMIT, SQLULEN(SQL_AUTOCOMMIT_OFF))
    do {
      if isolation == .serializable, facts.canSerialize {
        try set(SQL_ATTR_TXN_ISOLATION, SQLULEN(SQL_TXN_SERIALIZABLE))
      }
      let result = try body()
      try end(SQL_COMMIT, "commit")
      // What is committed stays so, whatever comes next.
      try? set(SQL_ATTR_AUTOCOMMIT, SQLULEN(SQL_AUTOCOMMIT_ON))
      return result
    } catch {
      throw rolledBack(after: error)
    }
  }

  /// Rolls back.
  /// - Returns: `error`; or, where nobody knows what is open on the connection now, that it is lost: the server rolls back.
  private func rolledBack(after error: any Error) -> any Error {
    let fault = error as? ODBCError
    do {
      try end(SQL_ROLLBACK, "rollback")
      try set(SQL_ATTR_AUTOCOMMIT, SQLULEN(SQL_AUTOCOMMIT_ON))
      return error
    } catch {
      if let fault, fault.isConnectionLost { return fault }
      return ODBCError(
        sqlState: ODBCError.lost, native: error.native, message: error.message, act: fault?.act ?? error.act)
    }
  }

  private func set(_ attribute: Int32, _ value: SQLULEN) throws(ODBCError) {
    try connection.check(unsafe tidemark_set_connection(connection.pointer, attribute, value), "transaction")
  }

  private func end(_ how: Int32, _ act: String) throws(ODBCError) {
    try connection.check(
      unsafe SQLEndTran(ODBCHandle.Kind.connection.rawValue, connection.pointer, SQLSMALLINT(how)), act)
  }

  private func ran<Result, Fault: Error>(
    _ sql: String, _ parameters: [ODBCParameter], _ body: (ODBCStatement) throws(Fault) -> Result
  ) throws -> Result {
    let statement = try prepare(sql)
    defer { statement.close() }
    try statement.execute(parameters)
    return try body(statement)
  }

  private func ran<Result>(
    _ sql: String, _ parameters: [ODBCParameter], _ body: (ODBCStatement) throws(ODBCError) -> Result
  ) throws(ODBCError) -> Result {
    let statement = try prepare(sql)
    defer { statement.close() }
    try statement.execute(parameters)
    return try body(statement)
  }

  private func prepare(_ sql: String) throws(ODBCError) -> ODBCStatement {
    if let known = prepared?[sql] { return known }
    let statement = try statement()
    try statement.prepare(sql)
    if let count = prepared?.count {
      if count >= Self.mostPrepared { prepared = [:] }
      prepared?[sql] = statement
    }
    return statement
  }

  /// A statement for a function of the catalogue.
  func statement() throws(ODBCError) -> ODBCStatement {
    let statement = try ODBCStatement(under: connection, isWide: facts.text == .utf16)
    statement.limit(to: timeout)
    return statement
  }

  static func rows(
    of statement: ODBCStatement, _ columns: [ODBCStatement.Column], most: Int, _ body: (ODBCRow) throws -> Void
  ) throws {
    var count = 0
    while count < most, try statement.fetch() {
      var values: [ODBCValue] = []
      values.reserveCapacity(columns.count)
      for (place, column) in columns.enumerated() { values.append(try statement.value(place, column.type)) }
      try body(ODBCRow(values: values, types: columns.map(\.type)))
      count += 1
    }
  }
}

/// A row of a result, its values read.
package struct ODBCRow: Sendable {
  package let values: [ODBCValue]
  /// What the driver says of each column of the result.
  package let types: [ODBCType]

  /// The value as text; nil for NULL and for what is no text or number.
  package func text(_ place: Int) -> String? {
    switch values[place] {
    case .text(let text), .number(let text): text
    case .bit(let value): value ? "1" : "0"
    case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
    default: nil
    }
  }

  package func integer(_ place: Int) -> Int64? {
    if case .double(let value) = values[place] { Int64(exactly: value) } else { text(place).flatMap { Int64($0) } }
  }
}
