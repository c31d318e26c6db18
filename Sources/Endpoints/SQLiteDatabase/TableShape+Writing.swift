import Changes
import JSON
import SQLite

/// The statements of writes, with their values bound.
extension TableShape {
  typealias Setting = (column: Column, binding: SQLiteValue)

  func insertSQL(_ fields: [Setting]) -> String {
    let names = fields.map { quoted(sqliteIdentifier: $0.column.name) }.joined(separator: ", ")
    let places = fields.map { _ in "?" }.joined(separator: ", ")
    return "INSERT INTO \(table) " + (fields.isEmpty ? "DEFAULT VALUES" : "(\(names)) VALUES (\(places))")
  }

  /// The bindings of the fields come first, then those of the key.
  func updateSQL(_ fields: [Setting]) -> String {
    let settings = fields.map { quoted(sqliteIdentifier: $0.column.name) + " = ?" }.joined(separator: ", ")
    return "UPDATE \(table) SET \(settings) WHERE \(keyCondition)"
  }

  var deleteSQL: String { "DELETE FROM \(table) WHERE \(keyCondition)" }

  /// What a write sets: generated columns cannot be.
  func settings(_ fields: JSONObject) throws(Failure) -> [Setting] {
    var settings: [Setting] = []
    for member in fields.members {
      let setting = try column(member.name, member.value)
      if !setting.column.isGenerated { settings.append(setting) }
    }
    return settings
  }

  /// The fields with those of the key that they do not name.
  func completed(_ fields: [Setting], with key: RecordKey) -> [Setting] {
    var fields = fields
    for (place, value) in zip(self.key, bindings(key)) where !fields.contains(where: { $0.column == columns[place] }) {
      fields.append((columns[place], value))
    }
    return fields
  }
}

extension SQLiteTable {
  func statements(for write: Write) async throws -> [String] {
    let settings = try shape.settings(write.fields)
    let key = write.key.map(shape.bindings) ?? []
    switch write.action {
    case .create:
      let fields = write.key.map { shape.completed(settings, with: $0) } ?? settings
      return [Self.text(shape.insertSQL(fields), fields.map(\.binding))]
    case .update: return settings.isEmpty ? [] : [Self.text(shape.updateSQL(settings), settings.map(\.binding) + key)]
    case .delete: return [Self.text(shape.deleteSQL, key)]
    }
  }

  private static func text(_ sql: String, _ bindings: [SQLiteValue]) -> String {
    bindings.isEmpty ? sql : sql + "   " + JSONValue.array(bindings.map { CanonicalValue.json($0) }).text
  }
}
