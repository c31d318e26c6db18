package import Changes
import SQLite

/// Some rows of a backfill on their way into the log.
package struct BackfillChunk: Sendable {
  package var rows: [ReadRow]
  /// Where the next chunk starts; nil: this is the last one.
  package var next: Position?
  /// Keys that were asked for and have no record.
  package var missing: Int
  /// Records that are to be told as deleted. Each is looked for again at its turn.
  package var gone: [RecordKey] = []
  /// The end of the log before the rows were read.
  package var low: LogSequence

  package init(_ rows: [ReadRow], next: Position?, missing: Int = 0, low: LogSequence) {
    self.rows = rows
    self.next = next
    self.missing = missing
    self.low = low
  }
}

extension SourceName {
  /// What a backfill read came from here. No database or connector can have the name.
  static let backfill = SourceName("(backfill)")
}

extension ChangeLog {
  /// Puts the rows of a chunk on disk together with the place where the next one starts.
  ///
  /// The log is the stream between the low and the high watermark (DBLog, arXiv 2010.12597): a row whose record was
  /// changed in the log between the chunk's `low` and this transaction gives way. What the reading did not see entered the
  /// log after it had begun, so it stands in that window, or comes after the row: nothing is turned back. It holds for
  /// every source, whatever its stamps can tell. To give way is to be read again at its turn: the change that was
  /// met may be an older one, and the row hold what capture had to let go.
  /// - Parameter rate: rows a second of late.
  /// - Returns: the backfill as it is now; nil if it was paused or cancelled meanwhile and nothing was appended.
  package func append(
    _ chunk: BackfillChunk, of backfill: Backfill, endpoint: EndpointName, rate: Double
  ) async throws -> Backfill? {
    let result = try await writer.transaction { session -> (backfill: Backfill, reads: [Change])? in
      let overtaken = try Self.changed(
        Set(chunk.rows.map(\.key)), at: endpoint, after: chunk.low, but: .backfill, session)
      let now = Timestamp.now
      let reads = chunk.rows.map { row in
        Change(
          .read, of: endpoint, key: row.key, row: row.row,
          stamp: overtaken.contains(row.key) ? .readAgain : row.stamp, version: row.version,
          // That it was found now says nothing of when it changed: `newest` must not take it for the later one.
          committedAt: row.changedAt ?? .unknown)
      }
      let deletes = chunk.gone.map { Change(.delete, of: endpoint, key: $0, stamp: .readAgain, committedAt: now) }
      let gaveWay = overtaken.isEmpty ? 0 : chunk.rows.count { overtaken.contains($0.key) }
      try session.execute(
        """
        UPDATE backfills SET epoch = ?1, place = ?2, rows = rows + ?3, gave_way = gave_way + ?4, missing = missing + ?5,
          last_key = coalesce(?6, last_key), rate = ?7, note = NULL, state = ?8, updated_at = ?9,
          ended_at = CASE WHEN ?1 IS NULL THEN ?9 END
        WHERE id = ?10 AND state IN ('requested', 'running')
        """,
        [
          .text(orNull: chunk.next?.epoch), .text(orNull: chunk.next?.place), .integer(Int64(chunk.rows.count)),
          .integer(Int64(gaveWay)), .integer(Int64(chunk.missing)),
          .text(orNull: chunk.rows.last?.key.description), .real(rate),
          .text((chunk.next == nil ? Backfill.State.done : .running).rawValue), .integer(now.microseconds),
          .integer(backfill.id),
        ])
      guard session.changes > 0 else { return nil }
      try Self.appendBlocks(reads + deletes, from: .backfill, session)
      try Self.rememberReading(chunk.rows, of: endpoint, session)
      if chunk.next == nil {
        try session.execute("DELETE FROM backfill_keys WHERE backfill = ?", [.integer(backfill.id)])
        try session.execute(
          "UPDATE backfills SET last_sequence = (SELECT last_sequence FROM log_end) WHERE id = ?",
          [.integer(backfill.id)])
      }
      return try Self.backfill(backfill.id, session).map { ($0, reads + deletes) }
    }
    guard let result else { return nil }
    ring(result.reads)
    return result.backfill
  }
}
