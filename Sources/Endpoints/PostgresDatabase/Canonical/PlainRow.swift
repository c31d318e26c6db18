import Changes
import JSON

/// A row as `to_json` writes it. It becomes what `to_jsonb` shows here where the server's own cast cannot be used: a value
/// of type `json` may hold what `jsonb` refuses (the character U+0000), and then becomes a string, as it does when it is
/// decoded from the WAL.
struct PlainRow {
  private let members: JSONMembers

  init(_ bytes: [UInt8]) throws(JSONError) { members = try JSONMembers(parsing: bytes) }

  var canonical: [UInt8] {
    let names = members.names
    var bytes: [UInt8] = []
    var fields: [CanonicalRow.Field] = []
    for name in names {
      let value = members[name] ?? []
      fields.append(.text(bytes.count..<(bytes.count + value.count)))
      bytes += value
    }
    var writer = JSONWriter(reserving: bytes.count + 16 * names.count)
    _ = CanonicalRow(names.map { (name: $0, type: .json) }).append(bytes.span, fields, to: &writer)
    return writer.bytes
  }

  func key(_ columns: [String]) throws(JSONError) -> RecordKey {
    var values: [JSONValue] = []
    for column in columns { values.append(try JSONValue(parsing: members[column] ?? Array("null".utf8)[...])) }
    return RecordKey(values)
  }
}
