import JSON

/// Live records by the values of those fields that somebody asked for. A client looks a record up before it makes one,
/// so a look at all of them would cost the more the more there are.
struct SandboxIndex: Sendable {
  /// Numbers are equal by value, everything else by its text.
  private enum Value: Hashable {
    case number(JSONNumber)
    case text(String)

    init(_ value: JSONValue) {
      if case .number(let number) = value { self = .number(number) } else { self = .text(value.plainText) }
    }
  }

  private var fields: [String: [Value: Set<String>]] = [:]

  /// Covers a field from now on. Fields that the API itself keeps are not covered.
  mutating func cover(_ field: String, of records: some Collection<SandboxRecord>) {
    guard fields[field] == nil, !SandboxRecord.reserved.contains(field) else { return }
    fields[field] = [:]
    for record in records { insert(record, under: field) }
  }

  mutating func replace(_ old: SandboxRecord?, by new: SandboxRecord) {
    for field in Array(fields.keys) {
      if let old, let value = old.fields?[field] { fields[field]?[Value(value)]?.remove(old.id) }
      insert(new, under: field)
    }
  }

  private mutating func insert(_ record: SandboxRecord, under field: String) {
    guard let value = record.fields?[field] else { return }
    fields[field]?[Value(value), default: []].insert(record.id)
  }

  /// The ids of the live records whose field equals what a query says; nil for a field that is not covered.
  func ids(where field: String, equals text: String) -> Set<String>? {
    guard let values = fields[field] else { return nil }
    let asText = values[.text(text)] ?? []
    guard let number = JSONNumber(text: text), let asNumber = values[.number(number)] else { return asText }
    return asText.union(asNumber)
  }
}
