package import Changes
import SQLite

/// How the last comparison of a link's sides ended.
package struct VerificationFigures: Hashable, Sendable {
  /// How many records were to be chosen at random; nil: all were compared.
  package var sample: Int?
  package var compared: Int64
  package var differences: Int64
  /// Records with a change on its way until the end: neither equal nor different.
  package var inFlight: Int64
  package var endedAt: Timestamp

  package init(sample: Int?, compared: Int64, differences: Int64, inFlight: Int64, endedAt: Timestamp) {
    self.sample = sample
    self.compared = compared
    self.differences = differences
    self.inFlight = inFlight
    self.endedAt = endedAt
  }
}

extension ChangeLog {
  package func verification(of link: LinkName) async throws -> VerificationFigures? {
    try await reader.run { session in
      try session.first(
        "SELECT sample, compared, differences, in_flight, ended_at FROM verifications WHERE link = ?",
        [.text(link.description)]
      ) { row in
        VerificationFigures(
          sample: row.isNull(0) ? nil : Int(row.integer(0)), compared: row.integer(1), differences: row.integer(2),
          inFlight: row.integer(3), endedAt: Timestamp(microseconds: row.integer(4)))
      }
    }
  }

  /// Remembers the figures for `status`, in place of the last ones. Any process may.
  package func remember(_ figures: VerificationFigures, of link: LinkName) async throws {
    try await writer.transaction { session in
      try session.execute(
        """
        INSERT OR REPLACE INTO verifications (link, sample, compared, differences, in_flight, ended_at)
        VALUES (?, ?, ?, ?, ?, ?)
        """,
        [
          .text(link.description), figures.sample.map { .integer(Int64($0)) } ?? .null, .integer(figures.compared),
          .integer(figures.differences), .integer(figures.inFlight), .integer(figures.endedAt.microseconds),
        ])
    }
  }
}
