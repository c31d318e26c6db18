import Changes
package import JSON
package import Log

extension DeadLetter {
  /// The key as a person types it, of the side the change came from.
  package var keyText: String { (try? RecordKey(encoded: key))?.description ?? key }

  /// Without the row.
  package var json: JSONObject {
    [
      "id": .integer(id), "link": .string(link.description), "direction": .string(direction.description),
      "key": .string(keyText), "sequence": .integer(sequence.number), "code": .string(failure.code),
      "message": .string(failure.message), "given_up_at": .string(diedAt.text),
    ]
  }

  /// - Parameter showsRow: it may be personal data.
  package func whole(showsRow: Bool) -> JSONObject {
    var members = json
    let change = logged?.change
    members["operation"] = change.map { .string("\($0.operation)") } ?? .null
    members["endpoint"] = change.map { .string("\($0.endpoint)") } ?? .null
    if showsRow { members["row"] = change.flatMap { try? JSONValue(parsing: $0.row) } ?? .null }
    return members
  }
}
