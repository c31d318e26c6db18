package import Changes
import SQLite

/// A logged change as `tidemark log` lists it.
package struct LogEntry: Hashable, Sendable {
  package let logged: LoggedChange
  /// What put it into the log: the source that told it, or `backfill`, `repair`, `replay`.
  package let source: SourceName
  /// When, by this machine's clock.
  package let appendedAt: Timestamp
}

/// Which changes are listed; nil: whatever it is.
package struct LogFilter: Hashable, Sendable {
  package var endpoints: Set<EndpointName>?
  package var keys: Set<RecordKey>?
  package var operation: Operation?

  package init(endpoints: Set<EndpointName>? = nil, keys: Set<RecordKey>? = nil, operation: Operation? = nil) {
    self.endpoints = endpoints
    self.keys = keys
    self.operation = operation
  }

  func matches(_ change: Change) -> Bool {
    (endpoints.map { $0.contains(change.endpoint) } ?? true) && (keys.map { $0.contains(change.key) } ?? true)
      && (operation.map { $0 == change.operation } ?? true)
  }
}

extension ChangeLog {
  /// Blocks that are looked through at once, so that a reader never holds the log for long.
  private static let blocksAtOnce: Int64 = 32

  /// What was put into the log after `sequence`, in its order: a part of it, and where the next part begins. The part is
  /// empty and `through` is `sequence` at the end of the log.
  package func entries(
    after sequence: LogSequence, matching filter: LogFilter
  ) async throws -> (entries: [LogEntry], damaged: [DamagedRecord], through: LogSequence) {
    try await reader.transaction(.deferred) { session in
      let start = try Self.block(holding: sequence, session) ?? sequence.number + 1
      let blocks = try Self.blocks("first_sequence >= ? ORDER BY first_sequence", start, filter, session)
      var entries: [LogEntry] = []
      var damaged: [DamagedRecord] = []
      for block in blocks {
        let found = block.entries(matching: filter)
        entries += found.entries.filter { $0.logged.sequence > sequence }
        damaged += found.damaged.filter { $0.sequences.upperBound > sequence }
      }
      return (entries, damaged, max(sequence, blocks.last?.through ?? sequence))
    }
  }

  /// The newest changes, oldest first.
  package func newest(_ count: Int, matching filter: LogFilter) async throws -> [LogEntry] {
    var entries: [LogEntry] = []
    var before = LogSequence(.max)
    while entries.count < count {
      let last = before
      let blocks = try await reader.transaction(.deferred) { session in
        try Self.blocks("last_sequence < ? ORDER BY first_sequence DESC", last.number, filter, session)
      }
      guard let first = blocks.last else { break }
      for block in blocks where entries.count < count { entries = block.entries(matching: filter).entries + entries }
      before = first.from
    }
    return entries.suffix(count)
  }

  private static func blocks(
    _ condition: String, _ place: Int64, _ filter: LogFilter, _ session: SQLiteSession
  ) throws -> [ListedBlock] {
    let hashes = filter.keys.map { Dictionary(grouping: $0, by: keyHash) }
    return try session.all(
      """
      SELECT first_sequence, last_sequence, frames, source, appended_at, key_hashes FROM blocks
      WHERE \(condition) LIMIT \(blocksAtOnce)
      """, [.integer(place)]
    ) { row in
      let mayHold = hashes.map { !keys(row.bytes(5), $0).isEmpty } ?? true
      return ListedBlock(
        sequences: LogSequence(row.integer(0))...LogSequence(max(row.integer(0), row.integer(1))),
        frames: mayHold ? row.bytes(2) : nil, source: SourceName(row.string(3)),
        appendedAt: Timestamp(microseconds: row.integer(4)))
    }
  }
}

private struct ListedBlock: Sendable {
  let sequences: ClosedRange<LogSequence>
  /// Nil: it holds nothing that is looked for.
  let frames: [UInt8]?
  let source: SourceName
  let appendedAt: Timestamp

  var from: LogSequence { sequences.lowerBound }
  var through: LogSequence { sequences.upperBound }

  func entries(matching filter: LogFilter) -> (entries: [LogEntry], damaged: [DamagedRecord]) {
    guard let frames else { return ([], []) }
    let decoded = BlockCodec.decode(frames, sequences: sequences)
    return (
      decoded.changes.filter { filter.matches($0.change) }.map {
        LogEntry(logged: $0, source: source, appendedAt: appendedAt)
      }, decoded.damaged
    )
  }
}
