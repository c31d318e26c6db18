import JSON

/// Which records of an end a backfill reads.
package struct BackfillSelection: Hashable, Sendable {
  /// Only rows for which this holds: a condition in the database's own SQL, written by the operator.
  package var condition: String?
  /// Only what was changed at this moment or later, by the end's own clock.
  package var since: Timestamp?

  package init(condition: String? = nil, since: Timestamp? = nil) {
    self.condition = condition
    self.since = since
  }

  package static let everything = BackfillSelection()
  package var isEverything: Bool { self == .everything }
}

/// How many rows a backfill is about to read.
package struct RowCount: Hashable, Sendable {
  package var rows: Int64
  /// They were counted; else it is an estimate.
  package var isExact: Bool

  package init(_ rows: Int64, isExact: Bool) {
    self.rows = rows
    self.isExact = isExact
  }
}

/// A record as a backfill reads it: its bytes, never parsed.
package struct ReadRow: Sendable {
  package var key: RecordKey
  /// The canonical JSON (DESIGN, invariant 10).
  package var row: [UInt8]
  package var version: String?
  /// Taken before the read; see `Stamp`.
  package var stamp: Stamp
  /// When the record changed last, by the end's own clock, where it tells.
  package var changedAt: Timestamp?

  package init(key: RecordKey, row: [UInt8], version: String? = nil, stamp: Stamp, changedAt: Timestamp? = nil) {
    self.key = key
    self.row = row
    self.version = version
    self.stamp = stamp
    self.changedAt = changedAt
  }

  package init(_ record: Record) {
    self.init(
      key: record.key, row: record.fields.bytes, version: record.version, stamp: record.stamp,
      changedAt: record.modifiedAt)
  }
}

/// Some rows of an end in an order that stays the same, and where the next ones start.
package struct RowChunk: Sendable {
  package var rows: [ReadRow]
  /// Nil after the last chunk.
  package var next: Position?

  package init(_ rows: [ReadRow], next: Position?) {
    self.rows = rows
    self.next = next
  }
}

/// What backfills do with an end that has no better way: it is read whole, and nobody knows how much there is.
extension RecordReader {
  package func rowCount(_ selection: BackfillSelection) async throws -> RowCount? {
    try selection.requireEverything()
    return nil
  }

  package func rows(
    _ selection: BackfillSelection, from position: Position?, limit: Int
  ) async throws -> RowChunk {
    try selection.requireEverything()
    let chunk = try await chunk(from: position, limit: limit)
    return RowChunk(chunk.records.map(ReadRow.init), next: chunk.next)
  }

  package func parts(_ count: Int) async throws -> (any PartReader)? { nil }
}

extension BackfillSelection {
  /// - Throws: `Failure` for a part that this end cannot be asked for.
  package func requireEverything() throws(Failure) {
    guard !isEverything else { return }
    throw Failure(code: "backfill.selection", message: "this end can only be read whole")
  }
}

/// Reads an end in several parts side by side, each in an order that is not that of its keys and lasts for a life of it.
package protocol PartReader: Sendable {
  /// Names the order: places in a part of another life mean other rows.
  var life: String { get }
  /// What the whole end consists of, as places in that order.
  var parts: [Range<Int64>] { get }

  /// The next rows of what is left of a part: about `limit`, and a few megabytes.
  /// - Parameter number: which of the parts it is; one call at a time for each.
  /// - Returns: the rows, and what is left then; nil once the end has begun another life, and must be read anew.
  /// - Throws: `EndUnavailable`.
  func rows(in part: Range<Int64>, number: Int, limit: Int) async throws -> (rows: [ReadRow], rest: Range<Int64>)?
}
