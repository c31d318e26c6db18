import ArgumentParser
import Changes
import Foundation
import Log
import YAML

/// A place in the log as a person names it: a sequence, a time, or how long ago.
enum Moment: ExpressibleByArgument {
  case sequence(LogSequence)
  case time(Timestamp)

  init?(argument: String) {
    if let number = Int64(argument), number >= 0 {
      self = .sequence(LogSequence(number))
    } else if let ago = Duration(argument) {
      self = .time(Timestamp.now.advanced(by: .zero - ago))
    } else if let date = Self.date(argument) {
      self = .time(Timestamp(microseconds: Int64(date.timeIntervalSince1970 * 1e6)))
    } else {
      return nil
    }
  }

  static let forms = "a sequence of the log, a time such as 2026-01-31T12:00:00Z, or how long ago such as 2h or 7d"

  private static func date(_ text: String) -> Date? {
    let style = Date.ISO8601FormatStyle()
    return (try? style.parse(text)) ?? (try? Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(text))
      ?? (try? style.year().month().day().parse(text))
  }
}

extension ChangeLog {
  /// The sequence before the first change that is meant by "since" a moment.
  /// - Throws: `Failure` if the log does not reach back so far.
  func place(since moment: Moment) async throws -> LogSequence {
    let first = try await beginning()
    switch moment {
    case .sequence(let sequence):
      guard sequence >= first || first.number == 1 else { throw Self.trimmed(first) }
      return LogSequence(max(0, sequence.number - 1))
    case .time(let time):
      guard let place = try await sequence(before: time) else { throw Self.trimmed(first) }
      return place
    }
  }

  /// The last sequence that is meant by "until" a moment; the end of the log without one.
  func place(until moment: Moment?) async throws -> LogSequence {
    switch moment {
    case nil: try await end()
    case .sequence(let sequence)?: min(sequence, try await end())
    case .time(let time)?: try await sequence(before: time) ?? .start
    }
  }

  private static func trimmed(_ first: LogSequence) -> Failure {
    Failure(
      code: "log.trimmed",
      message:
        "the log does not reach back so far: it begins with sequence \(first); use --since \(first), or compare the"
        + " sides with `tidemark verify`")
  }
}
