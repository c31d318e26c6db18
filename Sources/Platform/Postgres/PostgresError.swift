/// A failure PostgreSQL or libpq reported. Holds no row values and no password.
package struct PostgresError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Five characters, https://www.postgresql.org/docs/current/errcodes-appendix.html.
  package let sqlState: String
  package let message: String
  /// The constraint that refused, where one did.
  package let constraint: String?
  /// The session is gone. What it was doing was rolled back, unless it was committing.
  package let isConnectionLost: Bool

  /// The state given to failures of the connection itself.
  static let lost = "08006"

  package init(sqlState: String, message: String, constraint: String? = nil, isConnectionLost: Bool? = nil) {
    self.sqlState = sqlState
    self.message = message
    self.constraint = constraint
    self.isConnectionLost = isConnectionLost ?? sqlState.hasPrefix("08")
  }

  /// Two transactions got in each other's way (serialization, deadlock, a lock not had in time): the same work may
  /// succeed when it is repeated from its beginning.
  package var isSerialization: Bool { ["40001", "40P01", "55P03"].contains(sqlState) }

  /// A unique, check, foreign key, exclusion or not-null rule refused the values.
  package var isConstraint: Bool { sqlState.hasPrefix("23") }

  package var description: String { "PostgreSQL: \(message) (SQLSTATE \(sqlState))" }

  /// The server's words without the values they may quote. Class 22 (data) puts the value after a colon; the text of
  /// a `RAISE` in the database's own code can hold anything, so only the place it comes from is kept.
  static func withoutValues(_ message: String, _ state: String, context: String?) -> String {
    if state == "P0001" {
      let place = context?.split(whereSeparator: \.isNewline).first.map { ": " + $0 } ?? ""
      return "code of the database itself raised an exception\(place)"
    }
    guard state.hasPrefix("22"), let value = message.firstRange(of: ": \"") else { return message }
    return String(message[..<value.lowerBound])
  }
}
