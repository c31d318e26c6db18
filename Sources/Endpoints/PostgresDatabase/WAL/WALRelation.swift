import Changes
import JSON
import Postgres

/// A published table as it looked when the rows that follow were written, and how its rows become changes.
struct WALRelation: Sendable {
  /// Nil for a table that no link is interested in.
  let endpoint: EndpointName?
  let oid: Int64
  let columns: [RelationMessage.Column]
  private let types: [CanonicalType]
  private let canonical: CanonicalRow
  /// Places of the primary key's columns, in key order.
  private let key: [Int]

  /// - Parameter endpoint: nil for a table that no link is interested in.
  /// - Throws: `Failure` where the key's columns are not among those told; `PostgresError`.
  init(_ message: RelationMessage, _ endpoint: EndpointName?, _ session: PostgresSession) throws {
    self.endpoint = endpoint
    oid = Int64(message.oid)
    columns = message.columns
    let known = try CanonicalType.load(message.columns.map(\.type), session)
    types = message.columns.map { known[$0.type] ?? .text }
    canonical = CanonicalRow(zip(message.columns, types).map { (name: $0.name, type: $1) })
    let names = try session.all("SELECT unnest(tidemark.key_columns($1))", [.integer(oid)]) { $0.string(0) }
    key = names.compactMap { name in message.columns.firstIndex { $0.name == name } }
    guard endpoint == nil || (!key.isEmpty && key.count == names.count) else {
      throw Failure(
        code: "wal.key",
        message: "\(endpoint.map { "\($0)" } ?? ""): its primary key is not what it was when these changes were made;"
          + " run `tidemark attach`")
    }
  }

  /// The row in canonical form, and the places of the columns it lacks: those the message does not hold, and those
  /// whose JSON only the server can make.
  func row(_ values: TuplePlaces, _ message: Span<UInt8>) throws(PgOutputError) -> (row: [UInt8], missing: [Int]) {
    guard values.fields.count == columns.count else { throw .unreadable }
    var fields = values.fields
    var missing: [Int] = []
    for index in fields.indices { if case .absent = fields[index] { missing.append(index) } }
    for index in canonical.unsupportedColumns {
      if case .text = fields[index] {
        fields[index] = .absent
        missing.append(index)
      }
    }
    let (row, isWhole) = write(fields, message)
    // A text that is not of its column's type: the type has changed since. All of the row is looked up.
    return (row, isWhole ? missing : Array(fields.indices))
  }

  /// What is told of a row that is gone: the columns of its replica identity.
  func identity(_ values: TuplePlaces, _ message: Span<UInt8>) throws(PgOutputError) -> [UInt8] {
    guard values.fields.count == columns.count else { throw .unreadable }
    var fields = values.fields
    for index in fields.indices where !columns[index].isIdentity { fields[index] = .absent }
    return write(fields, message).row
  }

  /// The row with the columns `missing` taken from `other`, a canonical row; columns that it does not have stay out.
  /// - Returns: the row, and whether it has all its columns.
  func row(
    _ values: TuplePlaces, _ message: [UInt8], completing missing: [Int], from other: JSONMembers
  ) -> (row: [UInt8], isComplete: Bool) {
    var fields = values.fields
    var bytes = message
    var isComplete = true
    for index in missing {
      guard let value = other[columns[index].name] else {
        fields[index] = .absent
        isComplete = false
        continue
      }
      fields[index] = .json(bytes.count..<(bytes.count + value.count))
      bytes += value
    }
    return (write(fields, bytes.span).row, isComplete)
  }

  private func write(_ fields: [CanonicalRow.Field], _ message: Span<UInt8>) -> (row: [UInt8], isWhole: Bool) {
    var writer = JSONWriter(reserving: message.count + 16 * columns.count)
    let isWhole = canonical.append(message, fields, to: &writer)
    return (writer.bytes, isWhole)
  }

  func key(of values: TuplePlaces, _ message: Span<UInt8>) throws -> RecordKey {
    guard values.fields.count == columns.count else { throw PgOutputError.unreadable }
    return RecordKey(
      try key.map { index in
        guard case .text(let range) = values.fields[index] else { throw PgOutputError.unreadable }
        return try keyValue(types[index], message.extracting(range))
      })
  }

  private func keyValue(_ type: CanonicalType, _ text: Span<UInt8>) throws -> JSONValue {
    var writer = JSONWriter(reserving: text.count + 2)
    _ = type.append(text, to: &writer)
    return try JSONValue(parsing: writer.bytes)
  }
}
