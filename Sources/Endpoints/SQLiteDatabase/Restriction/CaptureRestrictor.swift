import Changes
import JSON
import SQLite

/// Restricts the changes that triggers captured: what comes out of it may leave the database.
///
/// A row that the condition does not hold for is told as a delete, whether or not it was one before: the outbox does not
/// tell what was before (also an insert may have replaced a row), and a delete of what nobody knows is nothing.
struct CaptureRestrictor: Sendable {
  /// By the tables' names in the configuration.
  let tables: [String: RestrictedTable]

  /// - Parameter present: what is told of the records of a table as they are now. A row that cannot be judged, since it was
  ///   written under other columns, is replaced by it; what the table held since follows.
  func told(
    of page: OutboxReader.Page, present: (String, [RecordKey]) async throws -> [RecordKey: Record]
  ) async throws -> [Change] {
    var changes = page.changes
    for (name, table) in tables {
      let places = changes.indices.filter { changes[$0].endpoint.name == name }
      guard !places.isEmpty else { continue }
      guard let condition = table.condition else {
        for place in places { changes[place].row = try table.cut.told(of: changes[place].row).row }
        continue
      }
      let judged = page.judged.filter { $0.value.table == name }.mapValues(\.row)
      let holding = try await condition.holds(for: judged)
      let doubtful = places.map { changes[$0] }.filter { $0.operation != .delete && judged[$0.stamp.number] == nil }
      let replaced = doubtful.isEmpty ? [:] : try await present(name, doubtful.map(\.key))
      for place in places {
        let change = changes[place]
        if change.operation != .delete, holding.contains(change.stamp.number) {
          changes[place].row = try table.cut.told(of: change.row).row
        } else if change.operation != .delete, judged[change.stamp.number] == nil, let record = replaced[change.key] {
          changes[place].row = record.fields.bytes
        } else {
          // Nothing is told of a row that is no row to the link but its key; so it is with a delete, which may be of one.
          changes[place].operation = .delete
          changes[place].row = []
        }
      }
    }
    return changes
  }
}

/// A restriction made ready for a table as it is now.
struct RestrictedTable: Sendable {
  let cut: RowCut
  let condition: RowCondition?

  /// - Throws: `Failure` where the restriction does not fit the table, `SQLiteError` for its condition.
  init(_ restriction: RowRestriction, _ shape: TableShape, collations: [String]) async throws {
    cut = try RowCut(restriction, columns: shape.columns.map(\.name), key: shape.keyNames, table: shape.name)
    condition =
      if let condition = restriction.condition {
        try await RowCondition(condition, restriction, shape, collations: collations)
      } else {
        nil
      }
  }
}

extension SQLiteDatabase {
  package func keyColumns(of table: String) async throws -> [String] {
    let polling = polling[table]
    let reader = try await current().reader
    return try await Self.patiently(reader, .deferred) { try TableShape(table, polling, in: $0).keyNames }
  }

  package func conditionFault(of table: String) async throws -> String? {
    guard let restriction = restrictions[table], let condition = restriction.condition else { return nil }
    let polling = polling[table]
    let reader = try await current().reader
    let (shape, collations) = try await Self.patiently(reader, .deferred) { session in
      let shape = try TableShape(table, polling, in: session)
      return (shape, shape.collations(in: session))
    }
    do {
      _ = try await RowCondition(condition, restriction, shape, collations: collations)
      return nil
    } catch let error as SQLiteError {
      return "\(error.message); a condition may depend on nothing but the row"
    }
  }

  /// The restrictions made ready for the tables as they are now.
  static func restricted(
    _ restrictions: [String: RowRestriction], _ tables: [String], _ reader: SQLiteConnection
  ) async throws -> CaptureRestrictor {
    var ready: [String: RestrictedTable] = [:]
    for (name, restriction) in restrictions where tables.contains(name) {
      let (shape, collations) = try await patiently(reader, .deferred) { session in
        let shape = try TableShape(name, in: session)
        return (shape, shape.collations(in: session))
      }
      ready[name] = try await RestrictedTable(restriction, shape, collations: collations)
    }
    return CaptureRestrictor(tables: ready)
  }
}

extension TableShape {
  /// How the columns' texts compare, unless a statement says otherwise.
  func collations(in session: SQLiteSession) -> [String] {
    columns.map { session.collation(of: $0.name, in: name) }
  }
}
