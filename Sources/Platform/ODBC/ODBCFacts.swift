import CODBC

/// How a driver takes and gives text.
package enum ODBCText: String, Sendable, CaseIterable {
  case utf8
  case utf16
}

/// What a driver says of itself and its database.
package struct ODBCFacts: Hashable, Sendable {
  /// The product: `MariaDB`, `Microsoft SQL Server`, …
  package var database: String
  package var version: String
  package var driver: String
  package var server: String
  /// The catalogue that is in use.
  package var catalogue: String
  /// What stands on both sides of a name; nil where names cannot be quoted.
  package var quote: String?
  package var hasSchemas: Bool
  package var canSerialize: Bool
  /// A commit forgets prepared statements.
  package var forgetsStatements: Bool
  package var text: ODBCText

  /// - Parameter text: what the configuration says; nil: what is known of the driver.
  init(of connection: ODBCHandle, text: ODBCText?) throws(ODBCError) {
    database = try Self.text(SQL_DBMS_NAME, connection)
    version = try Self.text(SQL_DBMS_VER, connection)
    driver = (try? Self.text(SQL_DRIVER_NAME, connection)) ?? ""
    server = (try? Self.text(SQL_SERVER_NAME, connection)) ?? ""
    catalogue = (try? Self.text(SQL_DATABASE_NAME, connection)) ?? ""
    let mark = try Self.text(SQL_IDENTIFIER_QUOTE_CHAR, connection)
    quote = mark.isEmpty || mark == " " ? nil : mark
    hasSchemas = ((try? Self.number(SQL_SCHEMA_USAGE, connection)) ?? 0) != 0
    let levels = (try? Self.number(SQL_TXN_ISOLATION_OPTION, connection)) ?? 0
    canSerialize = levels & UInt32(SQL_TXN_SERIALIZABLE) != 0
    let ends = [SQL_CURSOR_COMMIT_BEHAVIOR, SQL_CURSOR_ROLLBACK_BEHAVIOR].map { info in
      (try? Self.number(info, connection)).map { Int32($0 & 0xFFFF) } ?? SQL_CB_DELETE
    }
    forgetsStatements = ends.contains(SQL_CB_DELETE)
    // SQLite's driver has no functions for wide text; all others that Debian knows have.
    self.text = text ?? (database.lowercased().contains("sqlite") ? .utf8 : .utf16)
  }

  private static func text(_ info: Int32, _ connection: ODBCHandle) throws(ODBCError) -> String {
    var units = [SQLWCHAR](repeating: 0, count: 512)
    var length: SQLSMALLINT = 0
    try connection.check(
      unsafe SQLGetInfoW(
        connection.pointer, SQLUSMALLINT(info), &units, SQLSMALLINT(units.count * MemoryLayout<SQLWCHAR>.size), &length),
      "connect")
    return String(decoding: units.prefix { $0 != 0 }, as: UTF16.self)
  }

  private static func number(_ info: Int32, _ connection: ODBCHandle) throws(ODBCError) -> UInt32 {
    var number: SQLUINTEGER = 0
    try connection.check(
      unsafe SQLGetInfo(
        connection.pointer, SQLUSMALLINT(info), &number, SQLSMALLINT(MemoryLayout<SQLUINTEGER>.size), nil),
      "connect")
    return number
  }
}

extension ODBCFacts {
  /// A name quoted as the driver wants it, whatever it contains; nil where it cannot be written.
  package func quoted(_ name: String) -> String? {
    guard let quote else {
      let isPlain = name.utf8.first.map { !(0x30...0x39).contains($0) } ?? false
      return isPlain && name.utf8.allSatisfy(Self.isPlain) ? name : nil
    }
    return quote + name.replacing(quote, with: quote + quote) + quote
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: true
    default: false
    }
  }
}
