/// A failure that a driver or the driver manager reported.
package struct ODBCError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Five characters of ISO 9075; `HY000` where the driver has no better word.
  package let sqlState: String
  /// The database's own number.
  package let native: Int32
  /// The driver's words without what may be a value: whatever stands in quotes or parentheses is left out.
  package let message: String
  /// What was being done: `connect`, `commit`, `execute`, …
  package let act: String

  package init(sqlState: String, native: Int32, message: String, act: String) {
    self.sqlState = sqlState
    self.native = native
    self.message = Self.withoutValues(message)
    self.act = act
  }

  package var description: String { "\(act): \(message) (SQLSTATE \(sqlState), native error \(native))" }

  /// Connection failure during a transaction.
  static let lost = "08007"

  /// The connection is gone, and with it everything that was not committed.
  package var isConnectionLost: Bool {
    // MariaDB says HY000 with 2006 (gone away) and 2013 (lost during query).
    sqlState.hasPrefix("08") || sqlState == "HYT01" || (sqlState == "HY000" && (native == 2006 || native == 2013))
  }

  /// Databases repeat values in their messages (`Duplicate entry 'a@b.c' for key 'email'`). A value may hold quotes itself, so
  /// everything from the first mark of a kind to the last one goes.
  static func withoutValues(_ message: String) -> String {
    var text = message
    for (opening, closing) in [("'", "'"), ("\"", "\""), ("(", ")")] as [(Character, Character)] {
      guard let first = text.firstIndex(of: opening) else { continue }
      // A message that was cut off may lack its closing mark.
      let last = text[text.index(after: first)...].lastIndex(of: closing)
      text = text[...first] + "…" + (last.map { text[$0...] } ?? "")
    }
    return text
  }
}
