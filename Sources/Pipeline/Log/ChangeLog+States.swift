package import Changes
import JSON
import SQLite

extension ChangeLog {
  /// What is known of the record that has `key` at `side`; nil if the link never met it.
  package func state(of link: LinkName, _ side: Side, key: RecordKey) async throws -> RecordState? {
    try await reader.run { session in try Self.state(of: link, side, key, session) }
  }

  static func state(
    of link: LinkName, _ side: Side, _ key: RecordKey, _ session: SQLiteSession
  ) throws -> RecordState? {
    let column = side == .local ? "local_key" : "remote_key"
    return try session.first(
      """
      SELECT local_key, local_version, local_stamp, remote_key, remote_version, remote_stamp, base, is_agreed, sequence,
        gave_way
      FROM record_states WHERE link = ? AND \(column) = ?
      """, [.text(link.description), .text(key.encoded)], Self.state)
  }

  /// What is known of the records that have `keys` at `side`; those the link never met are left out.
  package func states(
    of link: LinkName, _ side: Side, keys: [RecordKey]
  ) async throws -> [RecordKey: RecordState] {
    try await reader.transaction(.deferred) { session in
      var states: [RecordKey: RecordState] = [:]
      for key in keys { states[key] = try Self.state(of: link, side, key, session) }
      return states
    }
  }

  /// The keys at a side of the records that are not known to be deleted, in an order of the log's own.
  package func linkedKeys(
    of link: LinkName, _ side: Side, after key: RecordKey?, limit: Int
  ) async throws -> [RecordKey] {
    let column = side == .local ? "local_key" : "remote_key"
    return try await reader.run { session in
      try session.all(
        """
        SELECT \(column) FROM record_states
        WHERE link = ? AND \(column) > ? AND base IS NOT NULL ORDER BY \(column) LIMIT ?
        """, [.text(link.description), .text(key?.encoded ?? ""), .integer(Int64(limit))]
      ) { try RecordKey(encoded: $0.string(0)) }
    }
  }

  /// How many records of a link are not known to be deleted.
  package func linkedCount(of link: LinkName) async throws -> Int64 {
    try await reader.run { session in
      try session.first(
        "SELECT count(*) FROM record_states WHERE link = ? AND base IS NOT NULL", [.text(link.description)]
      ) { $0.integer(0) } ?? 0
    }
  }

  /// Some records of a link that are not known to be deleted, chosen at random.
  package func sample(of link: LinkName, count: Int) async throws -> [RecordPair] {
    try await reader.run { session in
      try session.all(
        """
        SELECT local_key, remote_key FROM record_states WHERE link = ? AND base IS NOT NULL ORDER BY random() LIMIT ?
        """, [.text(link.description), .integer(Int64(count))]
      ) { RecordPair(local: try RecordKey(encoded: $0.string(0)), remote: try RecordKey(encoded: $0.string(1))) }
    }
  }

  private static func state(_ row: SQLiteRow) throws -> RecordState {
    func end(_ column: Int) throws -> RecordState.End {
      RecordState.End(
        key: try RecordKey(encoded: row.string(column)), version: row.optionalString(column + 1),
        stamp: row.isNull(column + 2) ? nil : Stamp(row.integer(column + 2)))
    }
    return RecordState(
      local: try end(0), remote: try end(3),
      base: row.isNull(6) ? nil : try JSONObject(parsing: row.bytes(6)), isAgreed: row.integer(7) == 1,
      gaveWay: row.isNull(9) ? nil : Side(rawValue: UInt8(clamping: row.integer(9))),
      sequence: LogSequence(row.integer(8)))
  }

  /// A record has one counterpart: a state that paired either key with another record gives way.
  static func save(_ state: RecordState, of link: LinkName, _ session: SQLiteSession) throws {
    let (local, remote) = (state.local, state.remote)
    try session.execute(
      "DELETE FROM record_states WHERE link = ? AND remote_key = ? AND local_key <> ?",
      [.text(link.description), .text(remote.key.encoded), .text(local.key.encoded)])
    try session.execute(
      """
      INSERT OR REPLACE INTO record_states (link, local_key, remote_key, base, is_agreed, local_version, local_stamp,
        remote_version, remote_stamp, gave_way, sequence, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """,
      [
        .text(link.description), .text(local.key.encoded), .text(remote.key.encoded),
        .text(orNull: state.base?.text), .integer(state.isAgreed ? 1 : 0), .text(orNull: local.version),
        local.stamp.map { .integer($0.number) } ?? .null, .text(orNull: remote.version),
        remote.stamp.map { .integer($0.number) } ?? .null, state.gaveWay.map { .integer(Int64($0.rawValue)) } ?? .null,
        .integer(state.sequence.number),
        .integer(Timestamp.now.microseconds),
      ])
  }
}
