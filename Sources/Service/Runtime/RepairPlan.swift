package import Changes
package import Log
package import Replay
package import Verify

/// The records a repair is about to bring together, gathered while they are found.
package struct RepairPlan: Sendable {
  /// Bounds memory: with more differences than this, a repair is done in several runs.
  private static let mostRecords = 100_000
  private static let recordsInPart = 500
  /// Deletes of more than this share of the compared records are more likely a mistake than a wish: the wrong database, an
  /// empty table.
  private static let mostDeletes = 0.2
  /// A few deletes are no flood, however small the table.
  private static let fewDeletes: Int64 = 5

  package private(set) var records: [RecordPair] = []
  /// Differences beyond the most that are repaired at once.
  package private(set) var left: Int64 = 0
  private var deletes: Int64 = 0
  private let link: Link
  private let winner: Side?

  /// - Parameter winner: the side that is right; nil: the policy decides.
  package init(link: Link, winner: Side?) {
    self.link = link
    self.winner = winner
  }

  package mutating func add(_ difference: Difference) {
    guard records.count < Self.mostRecords else {
      left += 1
      return
    }
    records.append(difference.record)
    // A side that had the record and is right, or may be, takes it from the other.
    if let missing = difference.missing, difference.record[missing] != nil, winner == nil || winner == missing {
      deletes += 1
    }
  }

  package var parts: [[RecordPair]] {
    stride(from: 0, to: records.count, by: Self.recordsInPart).map { start in
      Array(records[start..<min(start + Self.recordsInPart, records.count)])
    }
  }

  /// - Throws: `Failure` with the figures if too much would be deleted.
  package func requireFewDeletes(of compared: Int64, isAllowed: Bool) throws(Failure) {
    guard !isAllowed, deletes > Self.fewDeletes, Double(deletes) > Self.mostDeletes * Double(compared) else { return }
    throw Failure(
      code: "repair.deletes",
      message:
        "repairing \(link.name) may delete \(deletes) of \(compared) records, which is more than a fifth; nothing was"
        + " written. Look at them first; if it is meant, say --allow-deletes, or --prefer the side that has them")
  }
}

extension RecordRepair {
  /// What a repair of a record would write now, one line each side that is written.
  package func preview(
    _ record: RecordPair, winner: Side?, log: ChangeLog
  ) async throws -> [(direction: Direction, preview: DeliveryPreview)] {
    var previews: [(direction: Direction, preview: DeliveryPreview)] = []
    for change in try await changes([record], winner: winner) {
      let direction: Direction = change.endpoint == link.local.name ? .push : .pull
      previews.append((direction, try await link.preview(change, direction, log: log)))
    }
    return previews
  }
}
