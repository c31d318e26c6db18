package import Changes
import SQLite

/// A sweep that found too many rows gone to believe it.
package struct HeldSweep: Hashable, Sendable {
  package let source: SourceName
  package let gone: Int
  package let known: Int
  /// Somebody has said that so many may be gone; 0: nobody has.
  package let confirmed: Int
}

extension ChangeLog {
  package func mayTell(_ gone: Int, goneOf known: Int, at source: SourceName) async throws -> Bool {
    let held = try await heldSweeps().first { $0.source == source }
    if let held, held.confirmed >= gone { return true }
    if held?.gone != gone || held?.known != known {
      try await writer.transaction { session in
        try session.execute(
          """
          INSERT INTO held_sweeps (source, gone, known) VALUES (?, ?, ?)
          ON CONFLICT (source) DO UPDATE SET gone = excluded.gone, known = excluded.known
          """, [.text(source.description), .integer(Int64(gone)), .integer(Int64(known))])
      }
    }
    return false
  }

  package func forgetQuestion(of source: SourceName) async throws {
    guard try await heldSweeps().contains(where: { $0.source == source }) else { return }
    try await writer.transaction { session in
      try session.execute("DELETE FROM held_sweeps WHERE source = ?", [.text(source.description)])
    }
  }

  /// The sweeps that wait for somebody, by their sources.
  package func heldSweeps() async throws -> [HeldSweep] {
    try await reader.run { session in
      try session.all("SELECT source, gone, known, confirmed FROM held_sweeps ORDER BY source") { row in
        HeldSweep(
          source: SourceName(row.string(0)), gone: Int(row.integer(1)), known: Int(row.integer(2)),
          confirmed: Int(row.integer(3)))
      }
    }
  }

  /// Says that as many rows of a source may be gone as its sweep found. A running service goes on within seconds.
  package func confirm(_ sweep: HeldSweep) async throws {
    try await writer.transaction { session in
      try session.execute(
        "UPDATE held_sweeps SET confirmed = ? WHERE source = ?",
        [.integer(Int64(sweep.gone)), .text(sweep.source.description)])
    }
  }
}
