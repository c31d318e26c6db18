import Changes
import Files
import JSON
import SQLite

/// What an object's files held at one moment: their records by key, in a private temporary file of SQLite's that goes with
/// the value. Memory does not grow with it.
struct FileCopy: Sendable {
  let records: SQLiteConnection
  /// Stands for the content: another word after any change.
  var version: String
  /// Of the one file there is; nil for several, for a URL, and where there is none yet.
  var signature: FileSignature?
  var layout = FileLayout()
  /// Taken before it was read.
  var stamp: Stamp
  /// When the files were last written, as far as that is known.
  var writtenAt: Timestamp
  /// When it was last known to be what the source holds.
  var checkedAt = ContinuousClock.now

  private static let mostBytes = 4 << 20

  /// An empty one.
  static func records() async throws -> SQLiteConnection {
    let connection = try await SQLiteConnection(path: "", access: .create)
    try await connection.run { session in
      try session.execute("PRAGMA journal_mode = OFF")
      try session.execute("PRAGMA synchronous = OFF")
      try session.execute("PRAGMA cache_size = -8192")
      try session.execute(
        """
        CREATE TABLE records (
          place INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, file INTEGER NOT NULL, row TEXT NOT NULL)
        """)
    }
    return connection
  }

  func count() async throws -> Int {
    try await records.run { session in try session.first("SELECT count(*) FROM records") { Int($0.integer(0)) } ?? 0 }
  }

  /// Rows after `key` in the order of keys: at most `limit`, and a few megabytes.
  func rows(after key: RecordKey?, limit: Int) async throws -> (rows: [(key: RecordKey, row: [UInt8])], isLast: Bool) {
    try await records.run { session in
      var rows: [(key: RecordKey, row: [UInt8])] = []
      var bytes = 0
      do {
        try session.rows(
          "SELECT key, row FROM records WHERE key > ? ORDER BY key LIMIT ?",
          [.text(key?.encoded ?? ""), .integer(Int64(limit))]
        ) { row in
          guard bytes < Self.mostBytes else { throw Enough() }
          rows.append((try RecordKey(encoded: row.string(0)), row.bytes(1)))
          bytes += rows[rows.count - 1].row.count
        }
      } catch is Enough {
        return (rows, false)
      }
      return (rows, rows.count < limit)
    }
  }

  private struct Enough: Error {}

  /// The rows that there are among `keys`.
  func rows(_ keys: [RecordKey]) async throws -> [RecordKey: [UInt8]] {
    try await records.run { session in
      var rows: [RecordKey: [UInt8]] = [:]
      for key in keys {
        rows[key] = try session.first("SELECT row FROM records WHERE key = ?", [.text(key.encoded)]) { $0.bytes(0) }
      }
      return rows
    }
  }

  /// The records whose fields equal all of `match`; looked up by an index where one of them is a text or a number.
  func find(_ match: JSONObject) async throws -> [(key: RecordKey, fields: JSONObject)] {
    try await records.run { session in
      var found: [(key: RecordKey, fields: JSONObject)] = []
      let (sql, bindings) = try Self.search(match, session)
      try session.rows(sql, bindings) { row in
        let fields = try JSONObject(parsing: row.bytes(1))
        if fields.holds(match) { found.append((try RecordKey(encoded: row.string(0)), fields)) }
      }
      return found
    }
  }

  private static func search(_ match: JSONObject, _ session: SQLiteSession) throws -> (String, [SQLiteValue]) {
    let indexed = match.members.lazy.compactMap { member -> (path: String, value: SQLiteValue)? in
      // SQLite's paths have no way to write a quote.
      guard !member.name.contains("\"") else { return nil }
      let path = quoted(sqliteLiteral: "$.\"\(member.name)\"")
      return Self.binding(member.value).map { (path, $0) }
    }.first
    guard let indexed else { return ("SELECT key, row FROM records", []) }
    let value = "json_extract(row, \(indexed.path))"
    let name = quoted(sqliteIdentifier: "by \(indexed.path)")
    try session.execute("CREATE INDEX IF NOT EXISTS \(name) ON records (\(value))")
    return ("SELECT key, row FROM records WHERE \(value) = ?", [indexed.value])
  }

  /// Numbers are found by their nearest `Double` at worst; what is not equal to the last digit is left out afterwards.
  private static func binding(_ value: JSONValue) -> SQLiteValue? {
    switch value {
    case .string(let text): .text(text)
    case .number(let number): Int64(number.text).map { .integer($0) } ?? Double(number.text).map { .real($0) }
    default: nil
    }
  }
}

extension JSONObject {
  /// Whether every member of `other` is a member here with an equal value, objects within it likewise. A member that is not
  /// there is null.
  func holds(_ other: JSONObject) -> Bool {
    other.members.allSatisfy { member in
      let own = self[member.name] ?? .null
      if case .object(let inner) = member.value, case .object(let mine) = own { return mine.holds(inner) }
      return own == member.value
    }
  }

  /// With the members of `other` set, objects within it likewise.
  func setting(_ other: JSONObject) -> JSONObject {
    var result = self
    for member in other.members {
      if case .object(let inner) = member.value, case .object(let mine)? = self[member.name] {
        result[member.name] = .object(mine.setting(inner))
      } else {
        result[member.name] = member.value
      }
    }
    return result
  }
}
