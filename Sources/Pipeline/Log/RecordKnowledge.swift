package import Changes
import SQLite

/// What the log knows of a record whose sides differ.
package struct RecordKnowledge: Hashable, Sendable {
  /// A change that delivery gave up on.
  package struct Letter: Hashable, Sendable {
    package let sequence: LogSequence
    package let failure: Failure
  }

  /// The change that was settled last; nil: the link never brought the sides together.
  package var settled: LogSequence?
  /// Why the first change of the record that waits does.
  package var waiting: Failure?
  /// The newest that was given up.
  package var deadLetter: Letter?
  /// The fields of its open conflicts; an empty name is the whole record.
  package var openConflicts: [String] = []

  package init() {}
}

extension ChangeLog {
  package func knowledge(of record: RecordPair, link: LinkName) async throws -> RecordKnowledge {
    try await reader.transaction(.deferred) { session in
      var known = RecordKnowledge()
      for side in Side.allCases {
        guard let key = record[side] else { continue }
        let name: [SQLiteValue] = [
          .text(link.description), .integer(Int64((side == .local ? Direction.push : .pull).rawValue)),
          .text(key.encoded),
        ]
        known.settled = try known.settled ?? Self.state(of: link, side, key, session)?.sequence
        let waiting = try session.first(
          "SELECT code, message FROM waiting_changes WHERE link = ? AND direction = ? AND key = ? ORDER BY sequence",
          name
        ) { Failure(code: $0.string(0), message: $0.string(1)) }
        known.waiting = known.waiting ?? waiting
        let letter = try session.first(
          """
          SELECT sequence, code, message FROM dead_letters WHERE link = ? AND direction = ? AND key = ?
          ORDER BY id DESC LIMIT 1
          """, name
        ) {
          RecordKnowledge.Letter(
            sequence: LogSequence($0.integer(0)), failure: Failure(code: $0.string(1), message: $0.string(2)))
        }
        known.deadLetter = known.deadLetter ?? letter
      }
      if let key = record.local {
        known.openConflicts = try session.all(
          "SELECT field FROM conflicts WHERE link = ? AND local_key = ? AND winner IS NULL ORDER BY id",
          [.text(link.description), .text(key.encoded)]
        ) { $0.string(0) }
      }
      return known
    }
  }
}
