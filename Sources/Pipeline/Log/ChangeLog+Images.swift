package import Changes
import SQLite

/// How many of an endpoint's newest blocks are looked through: a batch of changes asks once, whatever it asks for.
private let newestBlocks: Int64 = 64

extension ChangeLog: RowImages {
  package func latestRows(
    of endpoint: EndpointName, told source: SourceName, _ keys: Set<RecordKey>
  ) async throws -> [RecordKey: [UInt8]] {
    let hashes = Dictionary(grouping: keys, by: keyHash)
    return try await reader.transaction(.deferred) { session in
      let places = try session.all(
        """
        SELECT blocks.first_sequence, key_hashes FROM block_endpoints JOIN blocks USING (first_sequence)
        WHERE endpoint = ?1 AND source = ?2 AND first_sequence >
          coalesce((SELECT whole_after FROM capture_watermarks WHERE source = ?2), 0)
        ORDER BY first_sequence DESC LIMIT ?3
        """, [.text(endpoint.description), .text(source.description), .integer(newestBlocks)]
      ) { (place: $0.integer(0), keys: Self.keys($0.bytes(1), hashes)) }
      var found: [RecordKey: [UInt8]] = [:]
      var left = keys
      for (place, candidates) in places where !left.isDisjoint(with: candidates) {
        guard let block = try Self.block(of: endpoint, from: place, session) else { continue }
        for change in BlockCodec.decode(block.frames, sequences: block.sequences).changes.reversed().map(\.change)
        where change.endpoint == endpoint && left.remove(change.key) != nil {
          if change.operation != .delete, change.operation != .truncate { found[change.key] = change.row }
        }
        if left.isEmpty { break }
      }
      return found
    }
  }

  /// Which of the keys a block may hold.
  static func keys(_ bytes: [UInt8], _ hashes: [UInt32: [RecordKey]]) -> Set<RecordKey> {
    var keys: Set<RecordKey> = []
    for start in stride(from: 0, to: bytes.count - 3, by: 4) {
      let hash = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << UInt32(8 * $1) }
      if let candidates = hashes[hash] { keys.formUnion(candidates) }
    }
    return keys
  }
}
