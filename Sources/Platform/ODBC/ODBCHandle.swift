import CODBC

/// Sole owner of an ODBC handle: its end of life is the handle's. It keeps the handle it was made under.
@safe final class ODBCHandle {
  enum Kind: Int16 {
    case environment = 1
    case connection = 2
    case statement = 3
  }

  let kind: Kind
  let pointer: SQLHANDLE
  private let parent: ODBCHandle?

  init(_ kind: Kind, under parent: ODBCHandle?) throws(ODBCError) {
    var made: SQLHANDLE?
    let code = unsafe SQLAllocHandle(kind.rawValue, parent?.pointer, &made)
    guard code == SQL_SUCCESS || code == SQL_SUCCESS_WITH_INFO, let pointer = unsafe made else {
      throw parent?.error("allocate")
        ?? ODBCError(sqlState: "HY001", native: 0, message: "the driver manager has no handles", act: "allocate")
    }
    self.kind = kind
    unsafe self.pointer = pointer
    self.parent = parent
  }

  /// - Returns: false for `SQL_NO_DATA`.
  @discardableResult
  func check(_ code: SQLRETURN, _ act: String) throws(ODBCError) -> Bool {
    switch Int32(code) {
    case SQL_SUCCESS, SQL_SUCCESS_WITH_INFO: return true
    case SQL_NO_DATA: return false
    default: throw error(act)
    }
  }

  /// The first record of what went wrong; that the connection is lost, where that is what is behind it.
  func error(_ act: String) -> ODBCError {
    var state = [SQLWCHAR](repeating: 0, count: 6)
    var native: SQLINTEGER = 0
    var length: SQLSMALLINT = 0
    var text = [SQLWCHAR](repeating: 0, count: 1024)
    let code = unsafe SQLGetDiagRecW(
      kind.rawValue, pointer, 1, &state, &native, &text, SQLSMALLINT(text.count), &length)
    guard code == SQL_SUCCESS || code == SQL_SUCCESS_WITH_INFO else {
      return ODBCError(sqlState: "HY000", native: 0, message: "the driver does not say why", act: act)
    }
    let error = ODBCError(
      sqlState: String(decoding: state.prefix { $0 != 0 }, as: UTF16.self), native: native,
      message: String(decoding: text.prefix { $0 != 0 }, as: UTF16.self), act: act)
    // MariaDB's driver says of a lost connection that memory could not be allocated.
    guard !error.isConnectionLost, isDead else { return error }
    return ODBCError(sqlState: ODBCError.lost, native: native, message: error.message, act: act)
  }

  /// Whether the driver has given the connection up.
  private var isDead: Bool {
    guard let connection = kind == .connection ? self : kind == .statement ? parent : nil else { return false }
    var dead: SQLUINTEGER = 0
    let code = unsafe SQLGetConnectAttr(connection.pointer, SQL_ATTR_CONNECTION_DEAD, &dead, 0, nil)
    return Int32(code) == SQL_SUCCESS && dead != 0
  }

  deinit {
    if kind == .connection {
      // A connection with an open transaction refuses to be closed.
      unsafe SQLEndTran(Kind.connection.rawValue, pointer, SQLSMALLINT(SQL_ROLLBACK))
      unsafe SQLDisconnect(pointer)
    }
    unsafe SQLFreeHandle(kind.rawValue, pointer)
  }
}
