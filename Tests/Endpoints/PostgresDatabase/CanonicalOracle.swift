import JSON
import Postgres
import PostgresDatabase
import Support

/// A scratch database that says of its own rows both what capture reads and what it must write.
struct CanonicalOracle {
  struct Answer: Sendable {
    var written: [UInt8]
    var expected: [UInt8]
    /// Every text was of its column's type.
    var isWhole: Bool
  }

  let connection: PostgresConnection

  init() async throws {
    connection = PostgresConnection(
      url: try await ScratchPostgres.database(),
      setup: """
        SET "TimeZone" = 'UTC'; SET "DateStyle" = 'ISO, YMD'; SET "IntervalStyle" = 'postgres';
        SET extra_float_digits = 1; SET bytea_output = 'hex'; SET lc_monetary = 'C';
        """)
    try await connection.run { try $0.execute("CREATE EXTENSION hstore") }
  }

  func execute(_ statements: [String]) async throws {
    try await connection.run { session in for statement in statements { try session.execute(statement) } }
  }

  /// Each row of `table` as written from the texts of its columns, and as `to_jsonb` shows it.
  func answers(_ table: String) async throws -> [Answer] {
    try await connection.run { session in
      let row = try Self.row(table, session)
      return try session.all("SELECT *, to_jsonb(t.*)::text FROM \(table) t") { texts in
        var bytes: [UInt8] = []
        let fields = (0..<row.count).map { column -> CanonicalRow.Field in
          if texts.isNull(column) { return .null }
          let start = bytes.count
          bytes += texts.bytes(column)
          return .text(start..<bytes.count)
        }
        var writer = JSONWriter()
        let isWhole = row.append(bytes.span, fields, to: &writer)
        return Answer(written: writer.bytes, expected: texts.bytes(row.count), isWhole: isWhole)
      }
    }
  }

  static func row(_ table: String, _ session: PostgresSession) throws -> CanonicalRow {
    let columns = try session.all(
      """
      SELECT attname, atttypid FROM pg_attribute
      WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
      """, [.text(table)]
    ) { ($0.string(0), UInt32($0.integer(1))) }
    let types = try CanonicalType.load(columns.map(\.1), session)
    return CanonicalRow(columns.map { (name: $0.0, type: types[$0.1] ?? .unsupported("missing")) })
  }

  /// The type of that name, or the element of a domain or array.
  func type(_ sql: String) async throws -> CanonicalType? {
    try await connection.run { session in
      let oid = try session.first("SELECT $1::text::regtype::oid", [.text(sql)]) { UInt32($0.integer(0)) } ?? 0
      return try CanonicalType.load([oid], session)[oid]
    }
  }
}

extension CanonicalType {
  /// What is written for a text, and whether it is of the type.
  func json(_ text: some Sequence<UInt8>) -> (text: String, isWhole: Bool) {
    var writer = JSONWriter()
    let isWhole = append(Array(text).span, to: &writer)
    return (String(decoding: writer.bytes, as: UTF8.self), isWhole)
  }
}
