import Postgres

/// One message of the plugin `pgoutput`, protocol version 1, as far as capture needs it
/// (https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html).
///
/// The values of a row stay where they are: `TuplePlaces` says where.
enum PgOutputMessage {
  /// - Parameter commit: where the transaction's commit stands; known before its changes are told.
  case begin(commit: LSN, committedAt: Int64, xid: UInt32)
  /// - Parameter end: the first place after the commit.
  case commit(end: LSN)
  case relation(RelationMessage)
  case insert(relation: UInt32, new: TuplePlaces)
  /// - Parameter old: the whole row or only the identity's columns; told where the identity changed or is `FULL`.
  case update(relation: UInt32, old: TuplePlaces?, new: TuplePlaces)
  case delete(relation: UInt32, old: TuplePlaces)
  case truncate([UInt32])
  case logical(isTransactional: Bool, prefix: String)
  /// Told of types and origins: of no use here.
  case other

  init(_ bytes: Span<UInt8>) throws(PgOutputError) {
    var reader = PgOutputReader()
    self = try Self.read(bytes, &reader)
  }

  private static func read(_ bytes: Span<UInt8>, _ reader: inout PgOutputReader) throws(PgOutputError) -> Self {
    switch try reader.byte(bytes) {
    case UInt8(ascii: "B"):
      let commit = LSN(try reader.integer(bytes))
      return .begin(commit: commit, committedAt: try reader.time(bytes), xid: try reader.integer(bytes))
    case UInt8(ascii: "C"):
      _ = try reader.byte(bytes)
      _ = try reader.integer(bytes) as UInt64
      return .commit(end: LSN(try reader.integer(bytes)))
    case UInt8(ascii: "R"): return .relation(try RelationMessage(bytes, &reader))
    case UInt8(ascii: "I"):
      let relation: UInt32 = try reader.integer(bytes)
      try reader.expect("N", bytes)
      return .insert(relation: relation, new: try reader.tuple(bytes))
    case UInt8(ascii: "U"):
      let relation: UInt32 = try reader.integer(bytes)
      var old: TuplePlaces?
      var kind = try reader.byte(bytes)
      if kind == UInt8(ascii: "K") || kind == UInt8(ascii: "O") {
        old = try reader.tuple(bytes)
        kind = try reader.byte(bytes)
      }
      guard kind == UInt8(ascii: "N") else { throw .unreadable }
      return .update(relation: relation, old: old, new: try reader.tuple(bytes))
    case UInt8(ascii: "D"):
      let relation: UInt32 = try reader.integer(bytes)
      let kind = try reader.byte(bytes)
      guard kind == UInt8(ascii: "K") || kind == UInt8(ascii: "O") else { throw .unreadable }
      return .delete(relation: relation, old: try reader.tuple(bytes))
    case UInt8(ascii: "T"):
      let count: UInt32 = try reader.integer(bytes)
      _ = try reader.byte(bytes)
      guard Int(count) * 4 <= bytes.count else { throw .unreadable }
      var relations: [UInt32] = []
      for _ in 0..<count { relations.append(try reader.integer(bytes)) }
      return .truncate(relations)
    case UInt8(ascii: "M"):
      let flags = try reader.byte(bytes)
      _ = try reader.integer(bytes) as UInt64
      return .logical(isTransactional: flags & 1 == 1, prefix: try reader.text(bytes))
    case UInt8(ascii: "Y"), UInt8(ascii: "O"): return .other
    case let kind: throw .unknown(kind)
    }
  }
}

/// How a table looked when the rows that follow were written.
struct RelationMessage: Hashable {
  struct Column: Hashable {
    var name: String
    var type: UInt32
    /// Part of the replica identity: told of rows that are gone.
    var isIdentity: Bool
  }

  var oid: UInt32
  var columns: [Column]

  init(_ bytes: Span<UInt8>, _ reader: inout PgOutputReader) throws(PgOutputError) {
    oid = try reader.integer(bytes)
    _ = try reader.text(bytes)
    _ = try reader.text(bytes)
    _ = try reader.byte(bytes)
    let count: UInt16 = try reader.integer(bytes)
    columns = []
    for _ in 0..<count {
      let flags = try reader.byte(bytes)
      let name = try reader.text(bytes)
      let type: UInt32 = try reader.integer(bytes)
      _ = try reader.integer(bytes) as UInt32
      columns.append(Column(name: name, type: type, isIdentity: flags & 1 == 1))
    }
  }
}

/// Where the values of a row are in its message, in the relation's column order. A large value that an update did not
/// touch is absent: it stands in the table only.
struct TuplePlaces: Sendable {
  var fields: [CanonicalRow.Field] = []
}

/// A message that is not what the protocol promises.
enum PgOutputError: Error, Hashable, CustomStringConvertible {
  case unreadable
  case unknown(UInt8)
  /// A row of a relation that was not told before.
  case relation(UInt32)

  var description: String {
    switch self {
    case .unreadable: "a message of pgoutput ends too soon or holds what it cannot hold"
    case .unknown(let kind): "a message of pgoutput is of a kind this version does not know (\(kind))"
    case .relation(let oid): "pgoutput told of a row of relation \(oid) before it told of the relation"
    }
  }
}

/// Reads a message from its beginning on. No length in it is trusted.
struct PgOutputReader {
  private var offset = 0

  mutating func byte(_ bytes: Span<UInt8>) throws(PgOutputError) -> UInt8 {
    guard offset < bytes.count else { throw .unreadable }
    defer { offset += 1 }
    return bytes[offset]
  }

  mutating func expect(_ kind: Unicode.Scalar, _ bytes: Span<UInt8>) throws(PgOutputError) {
    guard try byte(bytes) == UInt8(ascii: kind) else { throw .unreadable }
  }

  /// In network order.
  mutating func integer<Number: FixedWidthInteger>(_ bytes: Span<UInt8>) throws(PgOutputError) -> Number {
    let count = Number.bitWidth / 8
    guard bytes.count - offset >= count else { throw .unreadable }
    var number: Number = 0
    for index in offset..<(offset + count) { number = number << 8 | Number(truncatingIfNeeded: bytes[index]) }
    offset += count
    return number
  }

  /// Microseconds since 1970, of PostgreSQL's microseconds since 2000.
  mutating func time(_ bytes: Span<UInt8>) throws(PgOutputError) -> Int64 {
    let microseconds: Int64 = try integer(bytes)
    return microseconds &+ ReplicationStream.epoch
  }

  /// Text that ends with a zero byte.
  mutating func text(_ bytes: Span<UInt8>) throws(PgOutputError) -> String {
    var text: [UInt8] = []
    while true {
      let next = try byte(bytes)
      if next == 0 { return String(decoding: text, as: UTF8.self) }
      text.append(next)
    }
  }

  mutating func tuple(_ bytes: Span<UInt8>) throws(PgOutputError) -> TuplePlaces {
    let count: UInt16 = try integer(bytes)
    guard Int(count) <= bytes.count - offset else { throw .unreadable }
    var tuple = TuplePlaces()
    tuple.fields.reserveCapacity(Int(count))
    for _ in 0..<count {
      switch try byte(bytes) {
      case UInt8(ascii: "n"): tuple.fields.append(.null)
      case UInt8(ascii: "u"): tuple.fields.append(.absent)
      case UInt8(ascii: "t"):
        let length: UInt32 = try integer(bytes)
        guard Int(length) <= bytes.count - offset else { throw .unreadable }
        tuple.fields.append(.text(offset..<(offset + Int(length))))
        offset += Int(length)
      default: throw .unreadable
      }
    }
    return tuple
  }
}
