import CPostgres

/// Sole owner of a `PGconn*`: its end of life is the connection's.
@safe final class ConnectionHandle {
  let pointer: OpaquePointer
  private let secret: String?

  init(_ parameters: ConnectionParameters) throws(PostgresError) {
    secret = parameters.password
    let opened = parameters.withPointers { unsafe PQconnectdbParams($0, $1, 1) }
    guard let opened = unsafe opened else {
      throw PostgresError(sqlState: PostgresError.lost, message: "no memory for a connection")
    }
    unsafe pointer = opened
    guard unsafe PQstatus(opened) == CONNECTION_OK else {
      throw PostgresError(sqlState: PostgresError.lost, message: message)
    }
    // The default prints the server's notices on standard error.
    unsafe PQsetNoticeProcessor(opened, { _, _ in }, nil)
  }

  /// What libpq says of the connection, without the password.
  var message: String {
    let text = unsafe String(cString: PQerrorMessage(pointer))
    let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
    guard let secret, !secret.isEmpty else { return line }
    return line.replacing(secret, with: "…")
  }

  deinit { unsafe PQfinish(pointer) }
}
