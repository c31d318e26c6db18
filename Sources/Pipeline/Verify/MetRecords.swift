import Changes
import JSON
import SQLite

/// A record as a first meeting found it at its side.
struct MetRecord: Sendable {
  let side: Side
  let key: RecordKey
  /// The values of the link's key; empty where the record has none, and pairs up with nothing.
  let match: String
  /// The linked fields in canonical form, without those whose meaning is not known yet; nil: they cannot be told at all.
  let fields: JSONObject?
  let version: String?
  let stamp: Stamp
  let changedAt: Timestamp?
  /// The link knows its counterpart already.
  let isLinked: Bool
  /// At the local side: what the row holds as the other side's key.
  let remoteID: String?
}

/// Those who say they are the same record: the key they share, how many there are, and the first few.
struct MetGroup: Sendable {
  /// Of a side; the first of each list is enough to pair them up.
  struct Members: Sendable {
    var linked = 0
    var strangers = 0
    var first: MetRecord?
    /// Of the strangers.
    var names: [RecordKey] = []
  }

  /// More are counted and not named.
  static let mostNames = 3

  let match: String
  var local = Members()
  var remote = Members()

  subscript(side: Side) -> Members {
    get { side == .local ? local : remote }
    set { if side == .local { local = newValue } else { remote = newValue } }
  }

  mutating func take(_ record: MetRecord) {
    var members = self[record.side]
    if record.isLinked {
      members.linked += 1
    } else {
      members.strangers += 1
      if members.first == nil { members.first = record }
      if members.names.count < Self.mostNames { members.names.append(record.key) }
    }
    self[record.side] = members
  }
}

/// All records of both sides, on disk instead of in memory, put together by their keys. The file goes with the value.
struct MetRecords: Sendable {
  private static let rowsInPage = 1_000

  private let connection: SQLiteConnection

  init() async throws {
    connection = try await .scratch(
      """
      CREATE TABLE met (
        match TEXT NOT NULL, side INTEGER NOT NULL, key TEXT NOT NULL, fields BLOB, version TEXT, stamp INTEGER NOT NULL,
        changed_at INTEGER, is_linked INTEGER NOT NULL, remote_id TEXT, PRIMARY KEY (match, side, key)
      ) WITHOUT ROWID
      """)
  }

  /// A listing may hold a record twice while others come and go: it counts once.
  func insert(_ records: [MetRecord]) async throws {
    try await connection.transaction { session in
      for record in records {
        try session.execute(
          "INSERT OR REPLACE INTO met VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
          [
            .text(record.match), .integer(Int64(record.side.rawValue)), .text(record.key.encoded),
            record.fields.map { .blob($0.bytes) } ?? .null, record.version.map { .text($0) } ?? .null,
            .integer(record.stamp.number), record.changedAt.map { .integer($0.microseconds) } ?? .null,
            .integer(record.isLinked ? 1 : 0), record.remoteID.map { .text($0) } ?? .null,
          ])
      }
    }
  }

  /// Every group once. A record without a key is a group of its own.
  func groups(_ body: (MetGroup) async throws -> Void) async throws {
    var group: MetGroup?
    var place: MetRecord?
    while true {
      let page = try await page(after: place)
      for record in page {
        if let known = group, known.match.isEmpty || known.match != record.match {
          try await body(known)
          group = nil
        }
        group = group ?? MetGroup(match: record.match)
        group?.take(record)
      }
      guard let last = page.last else { break }
      place = last
    }
    if let group { try await body(group) }
  }

  private func page(after place: MetRecord?) async throws -> [MetRecord] {
    try await connection.run { session in
      let bindings: [SQLiteValue] =
        if let place {
          [.text(place.match), .integer(Int64(place.side.rawValue)), .text(place.key.encoded)]
        } else {
          [.text(""), .integer(-1), .text("")]
        }
      return try session.all(
        """
        SELECT side, key, match, fields, version, stamp, changed_at, is_linked, remote_id FROM met
        WHERE (match, side, key) > (?, ?, ?) ORDER BY match, side, key LIMIT \(Self.rowsInPage)
        """, bindings
      ) { row in
        MetRecord(
          side: row.integer(0) == 0 ? .local : .remote, key: try RecordKey(encoded: row.string(1)),
          match: row.string(2), fields: row.isNull(3) ? nil : try JSONObject(parsing: row.bytes(3)),
          version: row.optionalString(4), stamp: Stamp(row.integer(5)),
          changedAt: row.isNull(6) ? nil : Timestamp(microseconds: row.integer(6)), isLinked: row.integer(7) == 1,
          remoteID: row.optionalString(8))
      }
    }
  }
}
