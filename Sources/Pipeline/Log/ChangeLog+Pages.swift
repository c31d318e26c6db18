package import Changes
import SQLite

/// What a link reads next: changes of one endpoint in sequence order.
package struct Page: Sendable {
  package var changes: [LoggedChange]
  /// Parts of the log that could not be read.
  package var damaged: [DamagedRecord]
  /// Everything of the endpoint up to here is in this page or an earlier one.
  package var through: LogSequence

  package init(changes: [LoggedChange] = [], damaged: [DamagedRecord] = [], through: LogSequence) {
    self.changes = changes
    self.damaged = damaged
    self.through = through
  }
}

extension ChangeLog {
  /// The changes of `endpoint` after `sequence`: whole blocks until there are at least `limit`, or the end.
  package func page(of endpoint: EndpointName, after sequence: LogSequence, limit: Int) async throws -> Page {
    try await reader.transaction(.deferred) { session in
      var page = Page(through: sequence)
      // A block begins before the watermark when only a part of it is settled.
      var place = try Self.block(holding: sequence, session) ?? sequence.number + 1
      while page.changes.count < limit, let block = try Self.block(of: endpoint, from: place, session) {
        let decoded = BlockCodec.decode(block.frames, sequences: block.sequences)
        page.changes += decoded.changes.filter { $0.sequence > sequence && $0.change.endpoint == endpoint }
        page.damaged += decoded.damaged.filter { $0.sequences.upperBound > sequence }
        page.through = max(page.through, block.sequences.upperBound)
        place = block.sequences.upperBound.number + 1
      }
      return page
    }
  }

  /// The logged changes at exactly these sequences, as far as the log still holds them undamaged.
  package func changes(at sequences: [LogSequence]) async throws -> [LogSequence: LoggedChange] {
    guard !sequences.isEmpty else { return [:] }
    return try await reader.transaction(.deferred) { session in
      var found: [LogSequence: LoggedChange] = [:]
      for sequence in sequences.sorted() where found[sequence] == nil {
        let block = try session.first(
          """
          SELECT first_sequence, last_sequence, frames FROM blocks
          WHERE first_sequence <= ?1 AND last_sequence >= ?1 ORDER BY first_sequence DESC LIMIT 1
          """, [.integer(sequence.number)], Block.init)
        guard let block else { continue }
        for logged in BlockCodec.decode(block.frames, sequences: block.sequences).changes {
          found[logged.sequence] = logged
        }
      }
      return found.filter { sequences.contains($0.key) }
    }
  }

  /// What the log still holds of one record, oldest first; at most `limit`, the newest.
  package func history(of endpoint: EndpointName, key: RecordKey, limit: Int) async throws -> [LoggedChange] {
    let hash = keyHash(key)
    return try await reader.transaction(.deferred) { session in
      let places = try session.all(
        """
        SELECT blocks.first_sequence, key_hashes FROM block_endpoints JOIN blocks USING (first_sequence)
        WHERE endpoint = ? ORDER BY first_sequence DESC
        """, [.text(endpoint.description)]
      ) { row in Self.contains(hash, row.bytes(1)) ? row.integer(0) : nil }
      var history: [LoggedChange] = []
      for case let place? in places where history.count < limit {
        guard let block = try Self.block(of: endpoint, from: place, session) else { continue }
        let changes = BlockCodec.decode(block.frames, sequences: block.sequences).changes
        history = changes.filter { $0.change.endpoint == endpoint && $0.change.key == key } + history
      }
      return history.suffix(limit)
    }
  }

  struct Block {
    let sequences: ClosedRange<LogSequence>
    let frames: [UInt8]

    init(_ row: SQLiteRow) {
      // A damaged row may claim that it ends before it starts.
      sequences = LogSequence(row.integer(0))...LogSequence(max(row.integer(0), row.integer(1)))
      frames = row.bytes(2)
    }
  }

  static func block(holding sequence: LogSequence, _ session: SQLiteSession) throws -> Int64? {
    try session.first(
      """
      SELECT first_sequence, last_sequence FROM blocks WHERE first_sequence <= ? ORDER BY first_sequence DESC LIMIT 1
      """, [.integer(sequence.number)]
    ) { $0.integer(1) > sequence.number ? $0.integer(0) : nil } ?? nil
  }

  static func block(of endpoint: EndpointName, from place: Int64, _ session: SQLiteSession) throws -> Block? {
    try session.first(
      """
      SELECT first_sequence, last_sequence, frames FROM blocks WHERE first_sequence =
        (SELECT first_sequence FROM block_endpoints WHERE endpoint = ? AND first_sequence >= ?
         ORDER BY first_sequence LIMIT 1)
      """, [.text(endpoint.description), .integer(place)], Block.init)
  }

  private static func contains(_ hash: UInt32, _ hashes: [UInt8]) -> Bool {
    stride(from: 0, to: hashes.count - 3, by: 4).contains { start in
      (0..<4).allSatisfy { hashes[start + $0] == UInt8(truncatingIfNeeded: hash >> UInt32(8 * $0)) }
    }
  }
}
