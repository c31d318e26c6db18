import ArgumentParser
import Changes
import Foundation
import Log
import Postgres
import SQLite
import YAML

/// How a command ends (sysexits.h where it has a number for it).
enum ExitStatus {
  static let differences = ExitCode(3)
  static let unavailable = ExitCode(69)
  static let tryAgain = ExitCode(75)
  static let permission = ExitCode(77)
  static let configuration = ExitCode(78)

  /// Runs a command's work. An error goes to stderr in words, and becomes the status that scripts can tell apart.
  static func reporting(_ work: () async throws -> Void) async throws {
    do {
      try await work()
    } catch let code as ExitCode {
      throw code
    } catch  where isAddressTaken(error) {
      printError("tidemark: the port is taken by another program: choose another (http.listen; --port of the sandbox)")
      throw unavailable
    } catch {
      printError("tidemark: \(error)")
      if let problems = error as? Problems {
        let codes = Set(problems.all.map(\.code)).sorted().joined(separator: ", ")
        printError("tidemark: `tidemark help CODE` explains \(codes)")
      }
      throw status(of: error)
    }
  }

  /// The server's own error for this names a function and a number; told by its text, since its type is not ours.
  private static func isAddressTaken(_ error: any Error) -> Bool { "\(error)".contains("Address already in use") }

  /// What only a change of the configuration, or of the table it names, puts right.
  private static func isOfConfiguration(_ code: String) -> Bool {
    code == "sql.42P01" || ["connector.", "database.", "link.", "table."].contains { code.hasPrefix($0) }
  }

  /// What was asked for does not exist, or cannot be read.
  private static func isOfUsage(_ code: String) -> Bool {
    ["link.unknown", "link.direction", "usage.", "backfill.", "letter."].contains { code.hasPrefix($0) }
  }

  private static func status(of error: any Error) -> ExitCode {
    switch error {
    case is Problems: configuration
    case LogError.inUse: tryAgain
    case LogError.missing: unavailable
    case let error as PostgresError where error.sqlState == "42501" || error.sqlState.hasPrefix("28"): permission
    case is PostgresError, is SQLiteError: unavailable
    case let end as EndUnavailable: end.failure.code == "sql.42501" ? permission : unavailable
    case let failure as Failure where failure.code == "sql.42501": permission
    case let failure as Failure where isOfUsage(failure.code): .validationFailure
    case let failure as Failure where ["sqlite.missing", "service.absent"].contains(failure.code): unavailable
    case let failure as Failure where ["link.paused", "request.unanswered"].contains(failure.code): tryAgain
    case let failure as Failure where ["http.401", "http.403"].contains(failure.code): permission
    case let failure as Failure where failure.code.hasPrefix("http."): unavailable
    case let failure as Failure where isOfConfiguration(failure.code): configuration
    default: .failure
    }
  }
}

/// Messages go to stderr, so that stdout holds nothing but what was asked for.
func printError(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
