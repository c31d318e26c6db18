import Changes
import Postgres

/// What becomes of a write that failed: the one table of it.
enum PostgresFate {
  /// What a read that failed throws. Class 42 is about the table and the role, not about the values asked for: it
  /// gives no record up.
  static func meaning(of error: any Error, table: String) -> any Error {
    guard error is PostgresError || error is Failure else { return error }
    switch outcome(of: error, in: .working, table: table) {
    case .unavailable(let failure, let after), .retry(let failure, let after):
      return EndUnavailable(failure, after: after)
    case .rejected(let failure) where failure.code.hasPrefix("sql.42"): return EndUnavailable(failure)
    case .rejected(let failure): return failure
    case .applied, .mismatch, .unknown: return error
    }
  }

  /// How far the write's transaction had come.
  enum Phase: Sendable {
    case working
    /// COMMIT was sent: without an answer nobody knows.
    case committing
  }

  static func outcome(of error: any Error, in phase: Phase, table: String) -> Outcome {
    if let end = error as? EndUnavailable { return .unavailable(end.failure, after: end.after) }
    // It is about the table, not about the record.
    if let failure = error as? Failure, failure.code == "link.column" { return .unavailable(failure, after: nil) }
    guard let error = error as? PostgresError else {
      return .rejected(error as? Failure ?? Failure(code: "internal", message: "\(table): \(type(of: error))"))
    }
    let failure = Failure(code: "sql." + error.sqlState, message: "\(table): \(error.message)")
    if error.isConnectionLost {
      return phase == .committing ? .unknown(failure) : .unavailable(failure, after: nil)
    }
    switch (error.sqlState.prefix(2), error.sqlState) {
    // Another transaction was in the way, or this one took too long.
    case (_, "40001"), (_, "40P01"), (_, "55P03"), (_, "57014"): return .retry(failure, after: nil)
    // The row it refers to may still be on its way.
    case (_, "23503"): return .retry(failure, after: nil)
    // Shutting down, out of connections, disk or memory; a standby; lost in between.
    case ("57", _), ("53", _), ("08", _), ("58", _), (_, "25006"): return .unavailable(failure, after: nil)
    case (_, "42501"):
      return .unavailable(
        Failure(
          code: failure.code,
          message: failure.message + ": GRANT SELECT, INSERT, UPDATE, DELETE ON \(table) to Tidemark's role"),
        after: nil)
    // The values as they are will never be taken: constraints, data, the application's own triggers, and the rest.
    default: return .rejected(failure)
    }
  }
}
