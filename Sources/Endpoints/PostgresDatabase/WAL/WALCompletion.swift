import Changes
import JSON
import Postgres

/// Settles what the stream does not tell of some changes (`WALDoubt`), in three steps: from the last row image of the
/// same record that was captured, else from the table as it is now, else the change is marked as one not to be trusted,
/// so that replay reads the record again. A value that was not told never becomes null.
///
/// The table may hold a newer value than the change had. That is no harm: the change that made it follows.
struct WALCompletion: Sendable {
  private(set) var changes: [Change]
  private let doubts: [WALDoubt]
  /// The changes captured before these, where they are still at hand.
  private let before: [Change]

  private struct Record: Hashable {
    var endpoint: EndpointName
    var key: RecordKey

    init(_ endpoint: EndpointName, _ key: RecordKey) {
      self.endpoint = endpoint
      self.key = key
    }

    init(_ change: Change) { self.init(change.endpoint, change.key) }
  }

  init(_ changes: [Change], _ doubts: [WALDoubt], before: [Change]) {
    self.changes = changes
    self.doubts = doubts
    self.before = before
  }

  /// - Parameters:
  ///   - connection: reads the rows that have to be looked up.
  ///   - told: rows that were captured earlier.
  mutating func complete(
    _ connection: PostgresConnection, _ told: (EndpointName, Set<RecordKey>) async throws -> [RecordKey: [UInt8]]
  ) async throws -> [Change] {
    var images = Images()
    for (endpoint, keys) in keysInDoubt() {
      for (key, row) in try await told(endpoint, keys) { images.rows[Record(endpoint, key)] = row }
    }
    images.see(before[...])
    var place = changes.startIndex
    var found: [Record: [UInt8]]?
    for doubt in doubts {
      images.see(changes[place..<doubt.change])
      place = doubt.change
      if doubt.relation.isTold, settle(doubt, from: images.rows[Record(changes[doubt.change])]) { continue }
      let rows = if let found { found } else { try await lookUp(connection) }
      found = rows
      settleForGood(doubt, from: rows[Record(changes[doubt.change])])
    }
    return changes
  }

  private func keysInDoubt() -> [EndpointName: Set<RecordKey>] {
    doubts.reduce(into: [:]) { keys, doubt in
      guard case .columns = doubt.kind else { return }
      keys[changes[doubt.change].endpoint, default: []].insert(changes[doubt.change].key)
    }
  }

  /// The latest row of each record.
  private struct Images {
    var rows: [Record: [UInt8]] = [:]

    mutating func see(_ changes: ArraySlice<Change>) {
      for change in changes where change.operation != .truncate {
        rows[Record(change)] = change.operation == .delete ? nil : change.row
      }
    }
  }

  /// - Returns: whether the image held everything that was missing.
  private mutating func settle(_ doubt: WALDoubt, from image: [UInt8]?) -> Bool {
    guard case .columns(let missing, let values, let message) = doubt.kind, let image,
      let members = try? JSONMembers(parsing: image)
    else { return false }
    let (row, isComplete) = doubt.relation.row(values, message, completing: missing, from: members)
    if isComplete { changes[doubt.change].row = row }
    return isComplete
  }

  private mutating func settleForGood(_ doubt: WALDoubt, from row: [UInt8]?) {
    switch doubt.kind {
    case .columns:
      // The record is gone: its delete follows.
      if !settle(doubt, from: row) { changes[doubt.change].stamp = Stamp(0) }
    case .row:
      if let row { changes[doubt.change].row = row } else { changes[doubt.change].stamp = Stamp(0) }
    case .existence:
      guard let row else { return }
      changes[doubt.change].operation = .update
      changes[doubt.change].row = row
    }
  }

  /// The rows of all records in doubt as they are now.
  private func lookUp(_ connection: PostgresConnection) async throws -> [Record: [UInt8]] {
    var rows: [Record: [UInt8]] = [:]
    for (oid, doubts) in Dictionary(grouping: doubts, by: \.relation.oid) {
      guard let endpoint = doubts.first?.relation.endpoint else { continue }
      let keys = Set(doubts.map { changes[$0.change].key })
      let found = try await connection.run { session in
        guard let shape = try TableShape.find(oid: oid, session) else { return [RecordKey: [UInt8]]() }
        return try shape.rows(of: Array(keys), as: "to_json(t.*)", session).mapValues { try PlainRow($0).canonical }
      }
      for (key, row) in found { rows[Record(endpoint, key)] = row }
    }
    return rows
  }
}
