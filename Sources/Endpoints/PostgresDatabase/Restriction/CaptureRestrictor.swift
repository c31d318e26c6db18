import Changes
import JSON
import Postgres

/// Restricts the changes that were captured, whichever way: what comes out of it may leave the database. Conditions are
/// asked of the server, once for each batch and table; columns are cut here (`RowCut`).
///
/// A row that the condition does not hold for is no row to the link. What an update turns into such a row is told as a
/// delete, whether or not it was one before: the WAL does not tell what was before, and a delete of what nobody knows is
/// nothing. An insert of such a row is not told.
actor CaptureRestrictor {
  private let restrictions: [String: RowRestriction]
  private let connection: PostgresConnection
  private var known: [String: Table] = [:]

  private struct Table {
    var shape: TableShape
    var cut: RowCut
    var condition: RowCondition?
  }

  /// What becomes of a change.
  private enum Verdict {
    case told
    /// Of a row that is no row to the link nothing is told but its key; so it is with a delete, which may be of one.
    case gone
    /// Its row cannot be judged: it was written under other columns, or under a column's former type. What the table holds
    /// now is told instead, and what it held since follows.
    case replaced([UInt8])
  }

  /// - Parameters:
  ///   - restrictions: by the tables' names in the configuration.
  ///   - connection: capture's own.
  init(_ restrictions: [String: RowRestriction], connection: PostgresConnection) {
    self.restrictions = restrictions
    self.connection = connection
  }

  /// - Throws: `EndUnavailable` where a table is not what its restriction was made for.
  func told(of changes: [Change]) async throws -> [Change] {
    var changes = changes
    var untold: Set<Int> = []
    for (name, restriction) in restrictions {
      let places = changes.indices.filter { changes[$0].endpoint.name == name && changes[$0].operation != .truncate }
      guard !places.isEmpty else { continue }
      let whole = places.map { changes[$0] }
      let (rows, table) = try await cut(whole, name, restriction)
      let verdicts = try await judge(whole, name, table)
      for (index, place) in places.enumerated() {
        switch verdicts[index] {
        case .told: changes[place].row = rows[index]
        case .replaced(let row): changes[place].row = row
        case .gone where changes[place].operation == .insert: untold.insert(place)
        case .gone:
          changes[place].operation = .delete
          changes[place].row = []
        }
      }
    }
    guard !untold.isEmpty else { return changes }
    return changes.indices.filter { !untold.contains($0) }.map { changes[$0] }
  }

  // MARK: - Columns

  private func cut(
    _ changes: [Change], _ name: String, _ restriction: RowRestriction
  ) async throws -> (rows: [[UInt8]], table: Table) {
    var table = if let found = known[name] { found } else { try await load(name, restriction) }
    var isFresh = false
    var rows: [[UInt8]] = []
    rows.reserveCapacity(changes.count)
    for change in changes {
      guard !change.row.isEmpty else {
        rows.append([])
        continue
      }
      var told = try table.cut.told(of: change.row)
      if !told.isKnown, !isFresh {
        table = try await load(name, restriction)
        isFresh = true
        told = try table.cut.told(of: change.row)
      }
      rows.append(told.row)
    }
    return (rows, table)
  }

  private func load(_ name: String, _ restriction: RowRestriction) async throws -> Table {
    do {
      let shape = try await connection.run { try TableShape.load(name, nil, restriction, $0) }
      let cut = try RowCut(restriction, columns: shape.columns.map(\.name), key: shape.key, table: name)
      let table = Table(shape: shape, cut: cut, condition: RowCondition(restriction, shape))
      known[name] = table
      return table
    } catch {
      throw PostgresFate.meaning(of: error, table: name)
    }
  }

  // MARK: - Rows

  private func judge(_ changes: [Change], _ name: String, _ table: Table) async throws -> [Verdict] {
    guard let condition = table.condition else { return changes.map { _ in .told } }
    var verdicts = [Verdict](repeating: .gone, count: changes.count)
    var asked: [(place: Int, row: [UInt8])] = []
    var doubtful: [Int] = []
    for (place, change) in changes.enumerated() where change.operation != .delete {
      if let row = try condition.needed(of: change.row) { asked.append((place, row)) } else { doubtful.append(place) }
    }
    let (shape, questions) = (table.shape, asked)
    do {
      let (holding, unanswered) = try await connection.run { try Self.ask(condition, questions[...], $0) }
      for place in holding { verdicts[place] = .told }
      doubtful += unanswered
      guard !doubtful.isEmpty else { return verdicts }
      let keys = Array(Set(doubtful.map { changes[$0].key }))
      let rows = try await connection.run { try shape.rows(of: keys, $0).mapValues { try shape.told($0) } }
      for place in doubtful { verdicts[place] = rows[changes[place].key].map { .replaced($0) } ?? .gone }
      return verdicts
    } catch {
      // What is known of the table may be out of date.
      known[name] = nil
      throw PostgresFate.meaning(of: error, table: name)
    }
  }

  /// A row that cannot be read with the columns' types fails the statement: it is found by halves.
  /// - Returns: the places of rows that the condition holds for, and of those that could not be asked.
  private static func ask(
    _ condition: RowCondition, _ rows: ArraySlice<(place: Int, row: [UInt8])>, _ session: PostgresSession
  ) throws -> (holding: [Int], unanswered: [Int]) {
    guard !rows.isEmpty else { return ([], []) }
    do {
      let holding = try condition.holds(for: rows.map(\.row), session)
      return (holding.map { rows[rows.startIndex + $0].place }, [])
    } catch let error as PostgresError where error.sqlState.hasPrefix("22") {
      guard rows.count > 1 else { return ([], rows.map(\.place)) }
      let middle = rows.startIndex + rows.count / 2
      let (first, second) = (try ask(condition, rows[..<middle], session), try ask(condition, rows[middle...], session))
      return (first.holding + second.holding, first.unanswered + second.unanswered)
    }
  }
}
