package import Changes
import SQLite

/// Records that both sides held before a link brought them together.
extension ChangeLog {
  /// Who was said to win at first contact by whoever asked for a reading of the link that this change belongs to; nil: nobody
  /// said.
  package func firstContact(of link: LinkName, at sequence: LogSequence) async throws -> String? {
    try await reader.run { session in
      try session.first(
        """
        SELECT json_extract(options, '$.first_contact') FROM backfills
        WHERE link = ? AND (last_sequence IS NULL OR last_sequence >= ?)
          AND json_extract(options, '$.first_contact') IS NOT NULL ORDER BY id DESC LIMIT 1
        """, [.text(link.description), .integer(sequence.number)]
      ) { $0.string(0) }
    }
  }

  /// Links records that were read at both sides, without asking the sides again. A pair is left out where one of the two
  /// is linked by now, or has a change in the log after `low`: that change brings it together, as always. Any process may.
  /// - Parameters:
  ///   - pairs: with the stamps of their readings; the base is what both held.
  ///   - ends: the names of the link's ends.
  ///   - low: the end of the log before the first of them was read.
  /// - Returns: how many were linked.
  @discardableResult
  package func bringTogether(
    _ pairs: [RecordState], of link: LinkName, at ends: (local: EndpointName, remote: EndpointName),
    after low: LogSequence
  ) async throws -> Int {
    try await writer.transaction { session in
      let local = try Self.changed(Set(pairs.map(\.local.key)), at: ends.local, after: low, session)
      let remote = try Self.changed(Set(pairs.map(\.remote.key)), at: ends.remote, after: low, session)
      let end = LogSequence(try session.first("SELECT last_sequence FROM log_end") { $0.integer(0) } ?? 0)
      var count = 0
      for pair in pairs where !local.contains(pair.local.key) && !remote.contains(pair.remote.key) {
        let known = [
          try Self.state(of: link, .local, pair.local.key, session),
          try Self.state(of: link, .remote, pair.remote.key, session),
        ]
        guard known.allSatisfy({ $0?.base == nil }) else { continue }
        var state = pair
        state.sequence = end
        try Self.save(state, of: link, session)
        count += 1
      }
      return count
    }
  }
}
