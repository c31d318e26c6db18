package import Changes
import SQLite

/// More changes than this are split over several blocks: a reader decodes a block as a whole.
private let changesInBlock = 1000

extension SourceName {
  /// What a delivery found out by itself came from here. No database or connector can have the name.
  static let delivery = SourceName("(delivery)")
}

extension ChangeLog {
  /// Puts a batch and the capture watermark that covers it on disk, in one transaction (DESIGN, invariant 1).
  /// - Returns: the last sequence of the log afterwards.
  @discardableResult
  package func append(_ batch: ChangeBatch, from source: SourceName) async throws -> LogSequence {
    let end = try await writer.transaction { session in
      let end = try Self.appendBlocks(batch.changes, from: source, session)
      try Self.remember(batch.seen, of: source, session)
      try Self.move(source, to: batch.through, by: batch.changes.count, session)
      return end
    }
    ring(batch.changes)
    return end
  }

  /// Lets capture of a source go on behind a gap, whose healing was asked for.
  package func cross(_ gap: CaptureGap, to resume: Position) async throws {
    try await writer.transaction { session in
      try Self.move(gap.source, to: resume, by: 0, session)
      try session.execute(
        "UPDATE capture_watermarks SET whole_after = (SELECT last_sequence FROM log_end) WHERE source = ?",
        [.text(gap.source.description)])
    }
  }

  /// Puts a change that no source told into the log: what a delivery found out.
  package func tell(_ change: Change) async throws {
    try await writer.transaction { session in _ = try Self.appendBlocks([change], from: .delivery, session) }
    ring([change])
  }

  private static func move(
    _ source: SourceName, to position: Position, by changes: Int, _ session: SQLiteSession
  ) throws {
    try session.execute(
      """
      INSERT INTO capture_watermarks (source, epoch, place, changes, updated_at) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT (source) DO UPDATE SET epoch = excluded.epoch, place = excluded.place,
        changes = changes + excluded.changes, updated_at = excluded.updated_at
      """,
      [
        .text(source.description), .text(position.epoch), .text(position.place), .integer(Int64(changes)),
        .integer(Timestamp.now.microseconds),
      ])
  }

  /// Where capture of a source goes on; nil if it never captured anything.
  package func captureWatermark(of source: SourceName) async throws -> Position? {
    try await reader.run { session in
      try session.first(
        "SELECT epoch, place FROM capture_watermarks WHERE source = ?", [.text(source.description)]
      ) { Position(epoch: $0.string(0), place: $0.string(1)) }
    }
  }

  /// The sequence is drawn inside the transaction, so that blocks become visible in the order of their sequences.
  @discardableResult
  static func appendBlocks(
    _ changes: [Change], from source: SourceName, _ session: SQLiteSession
  ) throws -> LogSequence {
    var end = try session.first("SELECT last_sequence FROM log_end") { $0.integer(0) } ?? 0
    guard !changes.isEmpty else { return LogSequence(end) }
    for start in stride(from: 0, to: changes.count, by: changesInBlock) {
      let block = changes[start..<min(start + changesInBlock, changes.count)]
      try appendBlock(block, after: end, from: source, session)
      end += Int64(block.count)
    }
    try session.execute("UPDATE log_end SET last_sequence = ?", [.integer(end)])
    return LogSequence(end)
  }

  private static func appendBlock(
    _ changes: ArraySlice<Change>, after end: Int64, from source: SourceName, _ session: SQLiteSession
  ) throws {
    let now = Timestamp.now
    var frames: [UInt8] = []
    frames.reserveCapacity(changes.reduce(0) { $0 + $1.row.count + 96 })
    var hashes: [UInt8] = []
    hashes.reserveCapacity(4 * changes.count)
    var endpoints: [EndpointName: EndpointFigures] = [:]
    // Changes of one endpoint come in runs: what belongs to it is looked up once a run.
    var run = EndpointFigures(changes[changes.startIndex].endpoint)
    // Looked at in place: a copy of each change would be retained and released in five places.
    let span = changes.span
    for offset in span.indices {
      if span[offset].endpoint != run.endpoint {
        endpoints[run.endpoint] = run
        run = endpoints[span[offset].endpoint] ?? EndpointFigures(span[offset].endpoint)
      }
      let key = span[offset].key.encodedBytes
      BlockCodec.append(
        span[offset], at: LogSequence(end + 1 + Int64(offset)), endpoint: run.name, key: key, to: &frames)
      withUnsafeBytes(of: keyHash(key).littleEndian) { hashes.append(contentsOf: $0) }
      run.changes += 1
      run.oldest = min(run.oldest, (span[offset].lateSince ?? now).microseconds)
    }
    endpoints[run.endpoint] = run
    try session.execute(
      """
      INSERT INTO blocks (first_sequence, last_sequence, source, appended_at, key_hashes, frames)
      VALUES (?, ?, ?, ?, ?, ?)
      """,
      [
        .integer(end + 1), .integer(end + Int64(changes.count)), .text(source.description),
        .integer(now.microseconds), .blob(hashes), .blob(frames),
      ])
    for (endpoint, figures) in endpoints {
      try session.execute(
        "INSERT INTO block_endpoints (endpoint, first_sequence, changes, oldest_commit) VALUES (?, ?, ?, ?)",
        [.text(endpoint.description), .integer(end + 1), .integer(figures.changes), .integer(figures.oldest)])
    }
  }
}

/// What a block holds of one endpoint.
private struct EndpointFigures {
  let endpoint: EndpointName
  let name: [UInt8]
  var changes: Int64 = 0
  var oldest = Int64.max

  init(_ endpoint: EndpointName) {
    self.endpoint = endpoint
    name = Array(endpoint.description.utf8)
  }
}
