/// A value as SQLite stores it. Text is bytes: SQLite does not check that it is UTF-8.
package enum SQLiteValue: Hashable, Sendable {
  case null
  case integer(Int64)
  case real(Double)
  case text([UInt8])
  case blob([UInt8])

  package static func text(_ string: String) -> SQLiteValue { .text(Array(string.utf8)) }

  package static func text(orNull string: String?) -> SQLiteValue { string.map { .text($0) } ?? .null }
}

/// A name quoted for SQL text, whatever it contains.
package func quoted(sqliteIdentifier name: String) -> String {
  "\"" + doubling("\"", in: name) + "\""
}

/// A text quoted as a literal for statements that take no bindings.
package func quoted(sqliteLiteral text: String) -> String { "'" + doubling("'", in: text) + "'" }

/// By scalars: a quote and a combining mark after it are one `Character`, which is no quote to Swift but is one to SQL.
private func doubling(_ mark: Unicode.Scalar, in text: String) -> String {
  var doubled = String.UnicodeScalarView()
  for scalar in text.unicodeScalars {
    doubled.append(scalar)
    if scalar == mark { doubled.append(scalar) }
  }
  return String(doubled)
}

/// A failure SQLite reported. Holds the statement, which never contains values.
package struct SQLiteError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The extended result code, https://sqlite.org/rescode.html.
  package let code: Int32
  package let message: String
  package let sql: String

  package init(code: Int32, message: String, sql: String) {
    self.code = code
    self.message = message
    self.sql = sql
  }

  /// Another connection holds the lock: the same statement may work a moment later.
  package var isBusy: Bool {
    // BUSY, LOCKED, and PROTOCOL, which is a lost race for a lock of the WAL.
    [5, 6, 15].contains(code & 0xFF)
  }

  /// A unique, check, foreign key or not-null rule refused the values.
  package var isConstraint: Bool { code & 0xFF == 19 }

  package var description: String { "SQLite: \(message) (code \(code)) in: \(sql)" }
}
