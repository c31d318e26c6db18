package import JSON

/// An end that tells what changed at it.
package protocol ChangeSource: Sendable {
  /// Whose capture watermark this is.
  var name: SourceName { get }

  /// The next changes after `position` (nil: from now on for a database, from the beginning for an object), in
  /// commit order per record. Waits while there is nothing, but answers at least once a second: a batch without
  /// changes that is `completeAsOf` now is how an idle source differs from a stuck one.
  ///
  /// Batches are bounded (a few thousand changes, a few megabytes). Called by one task at a time, for the next batch
  /// also before the last one was released.
  /// - Throws: `CaptureGap` when what follows `position` can no longer be told, else what the endpoint's client throws;
  ///   the caller asks again from its watermark.
  func next(after position: Position?) async throws -> ChangeBatch

  /// Lets the source forget what lies before `position`. Called only once the log holds it on disk.
  func release(through position: Position) async throws
}

/// A source cannot tell what happened after a position: another epoch, a lost slot, missing triggers.
package struct CaptureGap: Error, Sendable, CustomStringConvertible {
  package let source: SourceName
  /// What happened, and what will be done about it.
  package let reason: String
  /// Whose changes were not seen; nil: those of any table of the source may be among them.
  package let endpoints: Set<EndpointName>?
  /// Whether the source may be another life of itself (restored, failed over) and lack what it once had: a record that is not
  /// there was then not deleted by anybody.
  package let mayLackRecords: Bool
  /// Where capture can go on after the unseen range is healed by a backfill.
  package let resume: Position?

  package init(
    source: SourceName, reason: String, endpoints: Set<EndpointName>? = nil, mayLackRecords: Bool = true,
    resume: Position?
  ) {
    self.source = source
    self.reason = reason
    self.endpoints = endpoints
    self.mayLackRecords = mayLackRecords
    self.resume = resume
  }

  package var description: String { "\(source): changes were not seen: \(reason)" }
}

/// An end whose records can be read.
package protocol RecordReader: Sendable {
  /// The records that exist among `keys`. A key without a record is left out.
  func records(_ keys: [RecordKey]) async throws -> [RecordKey: Record]

  /// Records whose fields equal all of `match` (the endpoint's own field names). Used to find a record before its
  /// key is known, so two results are enough to call a match ambiguous; more need not be returned.
  func find(_ match: JSONObject) async throws -> [Record]

  /// Up to about `limit` records in a stable order, from where the last chunk ended; nil starts at the beginning.
  func chunk(from position: Position?, limit: Int) async throws -> Chunk

  /// Looks whether a backfill can read the selection, and how many rows that will be about; nil where only reading
  /// everything could tell.
  /// - Throws: `Failure` `backfill.…` with advice where it cannot be read, `EndUnavailable` if nothing can for now.
  func rowCount(_ selection: BackfillSelection) async throws -> RowCount?

  /// The next rows of the selection for a backfill: at most `limit`, and a few megabytes. A chunk may be empty and not
  /// be the last.
  /// - Throws: as `rowCount`.
  func rows(_ selection: BackfillSelection, from position: Position?, limit: Int) async throws -> RowChunk

  /// A way to read the whole end in up to `count` parts side by side; nil where it has none, or is too small for it.
  /// - Throws: as `rowCount`.
  func parts(_ count: Int) async throws -> (any PartReader)?
}

/// An end that can be written.
package protocol ChangeTarget: RecordReader {
  /// Applies writes of different records and answers each in its place. Does not throw: a failure is an outcome.
  func apply(_ writes: [Write]) async -> [Outcome]

  /// The requests or the SQL that `apply` would send for a write, for a person to read: one a line, without secrets. Reads
  /// that come before are not told. Sends nothing.
  /// - Throws: `EndUnavailable` where the end has to be looked at and cannot, `Failure` where the write could not be sent.
  func statements(for write: Write) async throws -> [String]
}

extension ChangeTarget {
  package func statements(for write: Write) async throws -> [String] {
    ["\(write.action) \(write.key?.description ?? "") \(write.fields.text)"]
  }
}
