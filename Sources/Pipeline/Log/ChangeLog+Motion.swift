package import Changes
import SQLite

/// Which records are on their way: what a comparison of the sides must not take for a difference.
extension ChangeLog {
  /// The last sequence of the log.
  package func end() async throws -> LogSequence {
    try await reader.run { session in
      LogSequence(try session.first("SELECT last_sequence FROM log_end") { $0.integer(0) } ?? 0)
    }
  }

  /// Those of `keys` (at the direction's source) with a change that is not settled: behind the replay watermark, or waiting.
  package func unsettled(
    _ keys: Set<RecordKey>, of link: LinkName, _ direction: Direction, endpoint: EndpointName
  ) async throws -> Set<RecordKey> {
    guard !keys.isEmpty else { return [] }
    return try await reader.transaction(.deferred) { session in
      let name: [SQLiteValue] = [.text(link.description), .integer(Int64(direction.rawValue))]
      let watermark = try Self.replayWatermark(of: link, direction, session)
      var moving = try Self.changed(keys, at: endpoint, after: watermark, session)
      for key in keys where !moving.contains(key) {
        let waits = try session.first(
          "SELECT 1 FROM waiting_changes WHERE link = ? AND direction = ? AND key = ? LIMIT 1",
          name + [.text(key.encoded)]
        ) { _ in true }
        if waits == true { moving.insert(key) }
      }
      return moving
    }
  }

  /// Those of `keys` that the log holds a change of after `sequence`.
  package func changed(
    _ keys: Set<RecordKey>, at endpoint: EndpointName, after sequence: LogSequence
  ) async throws -> Set<RecordKey> {
    return try await reader.transaction(.deferred) { try Self.changed(keys, at: endpoint, after: sequence, $0) }
  }

  /// Decodes only the blocks whose key hashes say that they may hold one of the keys.
  /// - Parameter source: what came from it does not count.
  static func changed(
    _ keys: Set<RecordKey>, at endpoint: EndpointName, after sequence: LogSequence, but source: SourceName? = nil,
    _ session: SQLiteSession
  ) throws -> Set<RecordKey> {
    guard !keys.isEmpty else { return [] }
    let hashes = Dictionary(grouping: keys, by: keyHash)
    let start = try block(holding: sequence, session) ?? sequence.number + 1
    let places = try session.all(
      """
      SELECT first_sequence, key_hashes FROM block_endpoints JOIN blocks USING (first_sequence)
      WHERE endpoint = ?1 AND first_sequence >= ?2 AND (?3 IS NULL OR source <> ?3) ORDER BY first_sequence
      """, [.text(endpoint.description), .integer(start), .text(orNull: source?.description)]
    ) { (place: $0.integer(0), candidates: Self.keys($0.bytes(1), hashes)) }
    var found: Set<RecordKey> = []
    for (place, candidates) in places where !candidates.isSubset(of: found) {
      guard let block = try block(of: endpoint, from: place, session) else { continue }
      for logged in BlockCodec.decode(block.frames, sequences: block.sequences).changes
      where logged.sequence > sequence && logged.change.endpoint == endpoint && keys.contains(logged.change.key) {
        found.insert(logged.change.key)
      }
    }
    return found
  }
}
