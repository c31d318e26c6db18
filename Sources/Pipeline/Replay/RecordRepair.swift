package import Changes
import JSON
package import Log

/// Makes the changes that bring the sides of differing records together again.
///
/// They carry the present state of the records and travel like any other change: in order with live ones, with stamps, under
/// the record's lock, their echoes known. Where a side is to win they say so (`Origin.repair`), else the link's policy
/// decides as if both sides had told their state just now.
package struct RecordRepair: Sendable {
  package let link: Link
  private let directions: [Direction]

  package init(_ link: Link, directions: [Direction]) {
    self.link = link
    self.directions = directions
  }

  /// The side whose state stands; nil: the policy decides. One way it is always the source.
  /// - Throws: `Failure` for a side that the link brings nothing from.
  package func winner(preferring side: Side?) throws(Failure) -> Side? {
    guard directions.count == 1, let source = directions.first?.source else { return side }
    guard side == nil || side == source else {
      throw Failure(
        code: "repair.direction",
        message: "link \(link.name) carries changes from \(link[source].name) only: leave out the preference, or prefer"
          + " that side")
    }
    return source
  }

  /// Reads the records at both sides now. A record that only one side ever had is made at the other, whoever is preferred:
  /// there is no opinion of a side that never knew it, and nothing is deleted for that.
  /// - Parameter origin: of changes that no side is preferred for.
  package func changes(
    _ records: [RecordPair], winner: Side?, origin: Origin = .application
  ) async throws -> [Change] {
    let local = try await link.local.target.records(records.compactMap(\.local))
    let remote = try await link.remote.target.records(records.compactMap(\.remote))
    var changes: [Change] = []
    for record in records {
      for side in sources(record, winner) {
        guard let key = record[side] else { continue }
        let found = side == .local ? local[key] : remote[key]
        changes.append(change(found, key, side, origin: winner == nil ? origin : .repair))
      }
    }
    return changes
  }

  /// The sides that tell their state of a record.
  private func sources(_ record: RecordPair, _ winner: Side?) -> [Side] {
    let told = directions.map(\.source)
    guard let winner else { return told }
    return record[winner] != nil ? [winner] : told.contains(winner.opposite) ? [winner.opposite] : []
  }

  private func change(_ record: Record?, _ key: RecordKey, _ side: Side, origin: Origin) -> Change {
    guard let record else {
      // Stamp 0: whether it is still gone is looked at again at its turn.
      return Change(.delete, of: link[side].name, key: key, origin: origin, stamp: Stamp(0), committedAt: .unknown)
    }
    return Change(
      .read, of: link[side].name, key: key, row: record.fields.bytes, origin: origin, stamp: record.stamp,
      version: record.version, committedAt: record.modifiedAt ?? .unknown)
  }
}
