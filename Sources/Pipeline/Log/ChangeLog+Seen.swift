package import Changes
import SQLite

extension ChangeLog: SeenRows {
  package func seen(_ keys: [RecordKey], of source: SourceName) async throws -> [RecordKey: RowHash] {
    guard !keys.isEmpty else { return [:] }
    return try await reader.transaction(.deferred) { session in
      guard let id = try Self.seenSource(source, session) else { return [:] }
      var known: [RecordKey: RowHash] = [:]
      for key in keys {
        known[key] = try session.first(
          "SELECT hash FROM seen_rows WHERE source = ? AND key = ?", [.integer(id), .text(key.encoded)]
        ) { RowHash(bytes: $0.bytes(0)) ?? .unknown }
      }
      return known
    }
  }

  package func seenKeys(of source: SourceName, after key: RecordKey?, limit: Int) async throws -> [RecordKey] {
    try await reader.run { session in
      guard let id = try Self.seenSource(source, session) else { return [] }
      return try session.all(
        "SELECT key FROM seen_rows WHERE source = ? AND key > ? ORDER BY key LIMIT ?",
        [.integer(id), .text(key?.encoded ?? ""), .integer(Int64(limit))]
      ) { try RecordKey(encoded: $0.string(0)) }
    }
  }

  package func seenCount(of source: SourceName) async throws -> Int {
    try await reader.run { session in
      guard let id = try Self.seenSource(source, session) else { return 0 }
      return try session.first("SELECT count(*) FROM seen_rows WHERE source = ?", [.integer(id)]) {
        Int($0.integer(0))
      } ?? 0
    }
  }

  /// Makes the records that links know of a table known rows of its source, so that its next sweep tells of those that
  /// are gone: they may have been deleted when nobody looked. What is known of rows already stays.
  package func rememberRecords(of links: [LinkName], _ side: Side, as source: SourceName) async throws {
    let key = side == .local ? "local_key" : "remote_key"
    try await writer.transaction { session in
      try session.execute("INSERT OR IGNORE INTO seen_sources (source) VALUES (?)", [.text(source.description)])
      for link in links {
        try session.execute(
          """
          INSERT OR IGNORE INTO seen_rows (source, key, hash)
          SELECT seen_sources.id, \(key), ? FROM record_states, seen_sources
          WHERE link = ? AND base IS NOT NULL AND seen_sources.source = ?
          """, [.blob(RowHash.unknown.bytes), .text(link.description), .text(source.description)])
      }
    }
  }

  /// The sources that tell of rows by what they told last.
  package func seenSources() async throws -> [SourceName] {
    try await reader.run { try $0.all("SELECT source FROM seen_sources ORDER BY source") { SourceName($0.string(0)) } }
  }

  /// Forgets what a source told of its rows, and how far it was.
  package func forgetRows(of source: SourceName) async throws {
    try await writer.transaction { session in
      guard let id = try Self.seenSource(source, session) else { return }
      try session.execute("DELETE FROM seen_rows WHERE source = ?", [.integer(id)])
      try session.execute("DELETE FROM seen_sources WHERE id = ?", [.integer(id)])
      try session.execute("DELETE FROM capture_watermarks WHERE source = ?", [.text(source.description)])
    }
  }

  /// In the transaction of the batch.
  static func remember(_ rows: [SeenRow], of source: SourceName, _ session: SQLiteSession) throws {
    guard !rows.isEmpty else { return }
    try session.execute("INSERT OR IGNORE INTO seen_sources (source) VALUES (?)", [.text(source.description)])
    guard let id = try seenSource(source, session) else { return }
    for row in rows {
      if let hash = row.hash {
        try session.execute(
          "INSERT OR REPLACE INTO seen_rows (source, key, hash) VALUES (?, ?, ?)",
          [.integer(id), .text(row.key.encoded), .blob(hash.bytes)])
      } else {
        try session.execute(
          "DELETE FROM seen_rows WHERE source = ? AND key = ?", [.integer(id), .text(row.key.encoded)])
      }
    }
  }

  /// Rows of a polled table that a backfill read are known rows too: one that goes before its poller ever told it is a
  /// deletion to the other side. In the transaction of the chunk.
  static func rememberReading(_ rows: [ReadRow], of endpoint: EndpointName, _ session: SQLiteSession) throws {
    guard let id = try seenSource(SourceName(of: endpoint), session) else { return }
    for row in rows {
      try session.execute(
        "INSERT OR IGNORE INTO seen_rows (source, key, hash) VALUES (?, ?, ?)",
        [.integer(id), .text(row.key.encoded), .blob(RowHash.unknown.bytes)])
    }
  }

  private static func seenSource(_ source: SourceName, _ session: SQLiteSession) throws -> Int64? {
    try session.first("SELECT id FROM seen_sources WHERE source = ?", [.text(source.description)]) { $0.integer(0) }
  }
}
