import Changes
import Log
import Replay

/// Waits until everything that was committed at the ends of a link before the call is in the log.
/// - Returns: false if that could not be told before the deadline.
package typealias CaptureWitness = @Sendable (_ deadline: ContinuousClock.Instant) async throws -> Bool

/// Tells a difference from a change on its way, by watermarks instead of by waiting for a while.
///
/// What was read says nothing while a change of the record is unsettled. It is a difference if, first, nothing of the
/// record was unsettled before it was read; then everything committed before the read has come into the log; and still
/// the log holds no later change of it.
struct Motion: Sendable {
  let comparison: Comparison
  let directions: [Direction]
  let witness: CaptureWitness?

  struct Look: Sendable {
    var differences: [Difference] = []
    var inFlight: [RecordPair] = []
    /// The witness was asked, and could not tell.
    var isUntold = false
  }

  /// Reads records again and sorts them; those that turn out equal are in neither list.
  func look(_ records: [RecordPair], until deadline: ContinuousClock.Instant) async throws -> Look {
    let log = comparison.log
    var look = Look()
    let mark = try await log.end()
    let pairs = try await comparison.linked(records)
    let unsettled = try await moving(pairs) { keys, direction, endpoint in
      try await log.unsettled(keys, of: comparison.link.name, direction, endpoint: endpoint)
    }
    // What was settled a moment ago may have given a record its counterpart: then the other key was not looked for.
    let settled = try await comparison.linked(pairs)
    let still = Set(settled).intersection(pairs).subtracting(unsettled)
    look.inFlight = settled.filter { !still.contains($0) }
    let differences = try await comparison.differences(settled.filter(still.contains))
    guard !differences.isEmpty else { return look }
    if let witness, try await !witness(deadline) {
      look.isUntold = true
      look.inFlight += differences.map(\.record)
      return look
    }
    let moved = try await moving(differences.map(\.record)) { keys, _, endpoint in
      try await log.changed(keys, at: endpoint, after: mark)
    }
    look.inFlight += differences.map(\.record).filter(moved.contains)
    for var difference in differences where !moved.contains(difference.record) {
      difference.knowledge = try await log.knowledge(of: difference.record, link: comparison.link.name)
      look.differences.append(difference)
    }
    return look
  }

  private func moving(
    _ records: [RecordPair], _ find: (Set<RecordKey>, Direction, EndpointName) async throws -> Set<RecordKey>
  ) async throws -> Set<RecordPair> {
    var moving: Set<RecordPair> = []
    for direction in directions {
      let side = direction.source
      let keys = try await find(Set(records.compactMap { $0[side] }), direction, comparison.link[side].name)
      moving.formUnion(records.filter { $0[side].map(keys.contains) ?? false })
    }
    return moving
  }
}
