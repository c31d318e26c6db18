package import Changes
import SQLite

/// Which dead letters are meant; nil: whatever it is.
package struct LetterFilter: Hashable, Sendable {
  package var ids: [Int64]?
  package var link: LinkName?
  /// The code of the reason.
  package var code: String?
  /// Only those older than this one: the next page of a listing.
  package var before: Int64?

  package init(ids: [Int64]? = nil, link: LinkName? = nil, code: String? = nil, before: Int64? = nil) {
    self.ids = ids
    self.link = link
    self.code = code
    self.before = before
  }
}

/// How many dead letters of one link have one reason.
package struct LetterCount: Hashable, Sendable {
  package let link: LinkName
  package let direction: Direction
  package let code: String
  /// Of the newest.
  package let message: String
  package let count: Int64
  package let newest: Timestamp
}

extension ChangeLog {
  /// Dead letters, newest first.
  package func deadLetters(matching filter: LetterFilter, limit: Int) async throws -> [DeadLetter] {
    try await reader.run { session in
      let (condition, bindings) = Self.condition(filter)
      return try session.all(
        """
        SELECT id, link, direction, sequence, key, frame, code, message, died_at FROM dead_letters
        WHERE \(condition) ORDER BY id DESC LIMIT ?
        """, bindings + [.integer(Int64(limit))]
      ) { row in
        let sequence = LogSequence(row.integer(3))
        return DeadLetter(
          id: row.integer(0), link: LinkName(row.string(1)), direction: Self.direction(row, 2),
          logged: BlockCodec.decode(row.bytes(5), sequences: sequence...sequence).changes.first, sequence: sequence,
          key: row.string(4), failure: Failure(code: row.string(6), message: row.string(7)),
          diedAt: Timestamp(microseconds: row.integer(8)))
      }
    }
  }

  /// Dead letters, newest first; of every link where none is named.
  package func deadLetters(of link: LinkName? = nil, limit: Int) async throws -> [DeadLetter] {
    try await deadLetters(matching: LetterFilter(link: link), limit: limit)
  }

  /// How many there are of each link and reason, the most first.
  package func deadLetterCounts(matching filter: LetterFilter = LetterFilter()) async throws -> [LetterCount] {
    try await reader.run { session in
      let (condition, bindings) = Self.condition(filter)
      // Of the row with the greatest id SQLite takes the message ("Bare columns in an aggregate query").
      return try session.all(
        """
        SELECT link, direction, code, message, count(*), max(id), died_at FROM dead_letters WHERE \(condition)
        GROUP BY link, direction, code ORDER BY count(*) DESC, link, code
        """, bindings
      ) { row in
        LetterCount(
          link: LinkName(row.string(0)), direction: Self.direction(row, 1), code: row.string(2),
          message: row.string(3), count: row.integer(4), newest: Timestamp(microseconds: row.integer(6)))
      }
    }
  }

  /// Takes dead letters off the list for good; that it was done stays in the story of their records.
  /// - Returns: how many there were.
  @discardableResult
  package func dropDeadLetters(_ ids: [Int64]) async throws -> Int {
    try await writer.transaction { session in
      try Self.take(ids, Failure(code: Self.droppedByHand, message: "somebody dropped it"), session)
    }
  }

  static func take(_ ids: [Int64], _ decision: Failure, _ session: SQLiteSession) throws -> Int {
    var taken = 0
    for id in ids {
      let letter = try session.first(
        "SELECT link, direction, sequence, key FROM dead_letters WHERE id = ?", [.integer(id)]
      ) { row in
        (
          link: [SQLiteValue.text(row.string(0)), .integer(row.integer(1))], sequence: LogSequence(row.integer(2)),
          key: row.string(3)
        )
      }
      guard let letter else { continue }
      try note(decision, letter.link, letter.sequence, key: letter.key, session)
      try session.execute("DELETE FROM dead_letters WHERE id = ?", [.integer(id)])
      taken += 1
    }
    return taken
  }

  private static func condition(_ filter: LetterFilter) -> (String, [SQLiteValue]) {
    var parts = ["1"]
    var bindings: [SQLiteValue] = []
    func add(_ part: String, _ value: SQLiteValue) {
      parts.append(part)
      bindings.append(value)
    }
    if let link = filter.link { add("link = ?", .text(link.description)) }
    if let code = filter.code { add("code = ?", .text(code)) }
    if let before = filter.before { add("id < ?", .integer(before)) }
    if let ids = filter.ids {
      parts.append("id IN (\(ids.map(String.init).joined(separator: ", ")))")
    }
    return (parts.joined(separator: " AND "), bindings)
  }
}
