package import Changes
import JSON
import Postgres

extension PostgresTable {
  /// Less than this is read before a connection is open.
  private static let fewestBlocks: Int64 = 16

  /// A plain table is read in ranges of its blocks, from PostgreSQL 14 on. Not one with descendants, whose blocks are others, nor
  /// one of which not everything is told.
  package func parts(_ count: Int) async throws -> (any PartReader)? {
    do {
      let found = try await reading.run { session -> (shape: TableShape, storage: TableStorage)? in
        let shape = try shape(session)
        guard shape.kind == "r", shape.restriction == nil else { return nil }
        return try TableStorage.load(shape, session).map { (shape, $0) }
      }
      guard let (_, storage) = found else { return nil }
      let count = min(Int64(count), storage.blocks / Self.fewestBlocks)
      guard count > 1 else { return nil }
      return PostgresParts(table: self, storage: storage, count: Int(count))
    } catch {
      throw PostgresFate.meaning(of: error, table: name)
    }
  }
}

/// How a table lies on disk.
struct TableStorage: Sendable {
  let oid: Int64
  /// Changes when the table is rewritten or truncated: then every row lies elsewhere.
  let file: Int64
  let blocks: Int64
  let rowsInBlock: Double

  /// A guess for a table that was never analysed.
  private static let usualRowsInBlock = 60.0

  /// - Returns: nil where ranges of blocks cannot be read by themselves.
  static func load(_ shape: TableShape, _ session: PostgresSession) throws -> TableStorage? {
    try session.first(
      """
      SELECT pg_relation_filenode(oid), pg_relation_size(oid) / current_setting('block_size')::bigint,
        CASE WHEN reltuples > 0 AND relpages > 0 THEN (reltuples / relpages)::float8 END
      FROM pg_class WHERE oid = $1 AND NOT relhassubclass AND current_setting('server_version_num')::int >= 140000
      """, [.integer(shape.oid)]
    ) { row in
      TableStorage(
        oid: shape.oid, file: row.integer(0), blocks: row.integer(1),
        rowsInBlock: max(1, row.isNull(2) ? usualRowsInBlock : Double(row.string(2)) ?? usualRowsInBlock))
    }
  }
}

/// Ranges of the blocks of a table, each read by a connection of its own. The connections end with the value.
///
/// A row that an update moves from a range to another while both are read may be met twice or not at all; the update itself is
/// captured, and tells of it.
struct PostgresParts: PartReader {
  private static let mostBytes = 8 << 20

  let life: String
  let parts: [Range<Int64>]
  private let table: PostgresTable
  private let storage: TableStorage
  private let connections: [PostgresConnection]

  init(table: PostgresTable, storage: TableStorage, count: Int) {
    self.table = table
    self.storage = storage
    life = "\(storage.oid) \(storage.file)"
    parts = (0..<Int64(count)).map { number in
      (storage.blocks * number / Int64(count))..<(storage.blocks * (number + 1) / Int64(count))
    }
    connections = (0..<count).map { _ in table.besides() }
  }

  func rows(
    in part: Range<Int64>, number: Int, limit: Int
  ) async throws -> (rows: [ReadRow], rest: Range<Int64>)? {
    let wanted = Int64(max(1, Double(limit) / storage.rowsInBlock))
    do {
      return try await connections[number % connections.count].run { session in
        var blocks = min(wanted, Int64(part.count))
        while true {
          try session.execute(RowPage.begin)
          let shape = try table.shape(session)
          let range = BlockRange(
            shape: shape, skipsUnkeyed: table.polling != nil, from: part.lowerBound, to: part.lowerBound + blocks)
          switch try range.copied(session, mostBytes: blocks > 1 ? Self.mostBytes : .max) {
          case .rows(let rows):
            guard try isSame(session, shape) else { return nil }
            return (rows, part.lowerBound + blocks..<part.upperBound)
          case .tooMany:
            session.endTransaction()
            blocks = max(1, blocks / 4)
          case .none:
            session.endTransaction()
            try session.execute(RowPage.begin)
            let rows = try range.selected(session)
            guard try isSame(session, shape) else { return nil }
            return (rows, part.lowerBound + blocks..<part.upperBound)
          }
        }
      }
    } catch {
      throw PostgresFate.meaning(of: error, table: table.name)
    }
  }

  /// Looked at after the reading, which keeps the table from being rewritten until its transaction ends.
  private func isSame(_ session: PostgresSession, _ shape: TableShape) throws -> Bool {
    let file = try session.first("SELECT pg_relation_filenode($1)", [.integer(storage.oid)]) { $0.integer(0) }
    return file == storage.file && shape.oid == storage.oid
  }
}

/// The rows in some blocks of a table, read in one of two ways that give the same bytes (see `RowPage`).
private struct BlockRange {
  enum Reading {
    case rows([ReadRow])
    /// More than was wanted; the transaction can only be rolled back.
    case tooMany
    /// Rows of this table cannot be made of it.
    case none
  }

  let shape: TableShape
  let skipsUnkeyed: Bool
  let from: Int64
  let to: Int64

  private var condition: String {
    let range = "t.ctid >= '(\(from),0)'::tid AND t.ctid < '(\(to),0)'::tid"
    let keyed = skipsUnkeyed ? shape.key.map { " AND t.\(quoted(postgresIdentifier: $0)) IS NOT NULL" } : []
    return range + keyed.joined()
  }

  func copied(_ session: PostgresSession, mostBytes: Int) throws -> Reading {
    guard var copied = try CopiedRow(shape, session) else { return .none }
    let stamp = try PostgresTable.stamp(session)
    let read = try copied.rows(
      "COPY (SELECT \(copied.list) FROM \(shape.source) WHERE \(condition)) TO STDOUT", stamp: stamp,
      mostBytes: mostBytes, session)
    guard let read else { return .none }
    return read.isWhole ? .rows(read.rows) : .tooMany
  }

  /// The server makes the JSON.
  func selected(_ session: PostgresSession) throws -> [ReadRow] {
    let stamp = try PostgresTable.stamp(session)
    return try session.all(
      """
      SELECT jsonb_build_array(\(shape.list(shape.key, of: "t")))::text, \(shape.image)::text FROM \(shape.source)
      WHERE \(condition)
      """
    ) { row in ReadRow(key: try RecordKey(encoded: row.string(0)), row: try shape.told(row.bytes(1)), stamp: stamp) }
  }
}
