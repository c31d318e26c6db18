import Changes
import ODBC

/// What becomes of a read or a write that failed: the one table of it. SQLSTATE is coarse, so the database's own number counts
/// where it says more.
enum SQLFate {
  private enum Class {
    /// Another transaction was in the way, or a record it refers to is still on its way.
    case retry
    /// The database, the account or the table, not this record.
    case unavailable
    /// The values will never be taken as they are.
    case rejected
  }

  /// What a read that failed throws.
  static func meaning(of error: any Error, at place: String) -> any Error {
    guard let error = error as? ODBCError else { return error }
    return EndUnavailable(failure(error, at: place))
  }

  /// What connecting that failed throws.
  static func unreachable(_ error: any Error, at place: String) -> any Error {
    guard let error = error as? ODBCError else { return error }
    let advice =
      switch error.sqlState {
      case "IM002", "IM003", "01000":
        ": there is no such data source or driver, or its library cannot be loaded; `odbcinst -q -d` lists the drivers,"
          + " `odbcinst -q -s` the data sources"
      case "28000": ": the user or the password was refused"
      default: ""
      }
    return EndUnavailable(
      Failure(code: "sql.\(error.sqlState)", message: "connecting to \(place): \(error.message)\(advice)"))
  }

  /// What a write that failed came to. It was rolled back, unless the answer to the commit was lost.
  static func outcome(of error: any Error, _ dialect: SQLDialect?, at place: String) -> Outcome {
    switch error {
    case let end as EndUnavailable: return .unavailable(end.failure, after: end.after)
    case let failure as Failure where ["sql.value", "sql.create", "sql.key", "sql.suppressed"].contains(failure.code):
      return .rejected(failure)
    case let failure as Failure: return .unavailable(failure, after: nil)
    case let error as ODBCError:
      let failure = failure(error, at: place)
      if error.act == "commit", error.isConnectionLost { return .unknown(failure) }
      return switch kind(of: error, dialect) {
      case .retry: .retry(failure, after: nil)
      case .unavailable: .unavailable(failure, after: nil)
      case .rejected: .rejected(failure)
      }
    default: return .retry(Failure(code: "sql.apply", message: "\(place): \(type(of: error))"), after: nil)
    }
  }

  /// A row with the same values in a unique index is there already.
  static func isDuplicate(_ error: ODBCError, _ dialect: SQLDialect) -> Bool {
    switch (dialect, error.native) {
    case (.sqlServer, 2627), (.sqlServer, 2601), (.mariadb, 1062): true
    case (.postgres, _): error.sqlState == "23505"
    // SQLite's driver tells no more than that some constraint failed.
    case (.sqlite, 19), (.sqlite, 1555), (.sqlite, 2067): true
    case (.other, _): error.sqlState == "23000" || error.sqlState == "23505"
    default: false
    }
  }

  private static func failure(_ error: ODBCError, at place: String) -> Failure {
    Failure(
      code: "sql.\(error.sqlState)", message: "\(place): \(error.message) (native error \(error.native))")
  }

  private static func kind(of error: ODBCError, _ dialect: SQLDialect?) -> Class {
    if error.isConnectionLost { return .unavailable }
    if let known = dialect.flatMap({ kind(ofNative: error.native, $0) }) { return known }
    switch (error.sqlState.prefix(2), error.sqlState) {
    case (_, "40001"), (_, "40P01"), (_, "55P03"), (_, "HYT00"), (_, "23503"): return .retry
    case ("23", _), ("22", _), ("44", _): return .rejected
    // Syntax, names, rights: about the table, which will be the same for the next record.
    default: return .unavailable
    }
  }

  private static func kind(ofNative number: Int32, _ dialect: SQLDialect) -> Class? {
    switch dialect {
    case .sqlServer:
      switch number {
      // Deadlock, lock timeout, snapshot conflicts; foreign keys and checks, told by one number.
      case 1205, 1222, 3960, 3961, 547: .retry
      // Busy and moving servers of Azure; out of connections, disk, log.
      case 40197, 40501, 40613, 49918, 49919, 49920, 10928, 10929, 1105, 9002, 17809: .unavailable
      // Unique, NULL, too long, conversion, overflow; raised by a trigger or procedure of the application.
      case 2627, 2601, 515, 8152, 2628, 245, 8114, 8115, 220, 241, 242, 50000...: .rejected
      default: nil
      }
    case .mariadb:
      switch number {
      // Lock wait timeout, deadlock, row changed since read; the parent is not there yet.
      case 1205, 1213, 1020, 1452, 1216: .retry
      case 1040, 1021, 1114, 1203, 1226, 1290, 1836, 3572: .unavailable
      // Raised by a trigger; a child is still there; checks and values of every kind.
      case 1644, 1451, 1217, 4025, 3819, 1048, 1062, 1264, 1265, 1292, 1364, 1366, 1406: .rejected
      default: nil
      }
    case .sqlite:
      switch number & 0xFF {
      // BUSY, LOCKED; SCHEMA.
      case 5, 6, 17: .retry
      // CONSTRAINT, TOOBIG, MISMATCH.
      case 19, 18, 20: .rejected
      default: nil
      }
    case .postgres, .other: nil
    }
  }
}
