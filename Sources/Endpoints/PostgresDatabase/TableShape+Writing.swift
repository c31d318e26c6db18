package import Changes
import JSON
import Postgres

/// The statements of writes. Their values are in parameters: one JSON object each, so that the server gives them the
/// columns' own types.
extension TableShape {
  /// `$1`: the fields.
  func insertSQL(_ fields: JSONObject) -> (text: String, names: [String]) {
    let columns = columns.filter { fields[$0.name] != nil && !$0.isGenerated }
    let names = columns.map(\.name)
    let always = columns.contains(where: \.isIdentityAlways) ? "OVERRIDING SYSTEM VALUE " : ""
    let list = names.map(quoted(postgresIdentifier:)).joined(separator: ", ")
    let values =
      names.isEmpty
      ? "DEFAULT VALUES"
      : "(\(list)) \(always)SELECT \(self.list(names, of: "r")) FROM \(record(names, parameter: 1, as: "r"))"
    return ("INSERT INTO \(sql) AS t \(values) RETURNING \(image)", names)
  }

  /// The columns that an update sets. An identity column cannot be set, not even to what it is.
  func settable(_ fields: JSONObject, of current: JSONObject) -> [String] {
    columns.filter { column in
      guard let value = fields[column.name], !column.isGenerated else { return false }
      return !(key.contains(column.name) || column.isIdentityAlways) || current[column.name] != value
    }.map(\.name)
  }

  /// `$1`: the fields, `$2`: the key.
  func updateSQL(_ names: [String]) -> String {
    let assignments = names.map(quoted(postgresIdentifier:)).map { "\($0) = r.\($0)" }.joined(separator: ", ")
    return """
      UPDATE \(sql) AS t SET \(assignments)
      FROM \(record(names, parameter: 1, as: "r")), \(record(key, parameter: 2, as: "k"))
      WHERE \(equal(key, "t", "k")) RETURNING \(image)
      """
  }

  /// `$1`: the key.
  var deleteSQL: String {
    """
    DELETE FROM \(sql) AS t USING \(record(key, parameter: 1, as: "k"))
    WHERE \(equal(key, "t", "k"))
    """
  }
}

extension PostgresTable {
  package func statements(for write: Write) async throws -> [String] {
    try await reading.run { session in
      let shape = try wholeShape(session)
      try shape.requireColumns(write.fields.names)
      let key = try write.key.map { try shape.keyObject($0) } ?? [:]
      switch write.action {
      case .create:
        let fields = key.merging(write.fields)
        let (sql, names) = shape.insertSQL(fields)
        return [Self.text(sql, names.isEmpty ? [] : [fields])]
      case .update:
        let current = try shape.rows(of: [write.key].compactMap { $0 }, session).values.first
        let names = shape.settable(write.fields, of: try current.map { try JSONObject(parsing: $0) } ?? key)
        return names.isEmpty ? [] : [Self.text(shape.updateSQL(names), [write.fields, key])]
      case .delete: return [Self.text(shape.deleteSQL, [key])]
      }
    }
  }

  private static func text(_ sql: String, _ parameters: [JSONObject]) -> String {
    let values = parameters.enumerated().map { "$\($0 + 1) = \($1.text)" }
    return ([sql.split(separator: "\n").joined(separator: " ")] + values).joined(separator: "   ")
  }
}
