package import Changes
import JSON
import Log
import Reconcile
import Replay

extension Meeting {
  /// The records of a side that still have to travel.
  package enum Rest: Hashable, Sendable {
    case records([RecordKey])
    /// So many that the side is better read whole.
    case everything
  }

  /// More keys than this are not kept in memory, nor asked for one by one.
  private static let mostKeys = 10_000
  private static let pairsInPart = 500

  /// Remembers the pairs in the log, with what both of them hold as their base: nobody has to look for their counterparts any
  /// more, and those that are equal are done. Pairs that changed since they were read are left out.
  /// - Returns: how many were linked, and by side the records that are still to be told to the other one: those that differ,
  ///   that only one side has, or of which not everything could be compared. Ambiguous ones are not among them.
  package func link(_ findings: Findings) async throws -> (linked: Int64, rest: [Side: Rest]) {
    var linked: Int64 = 0
    var states: [RecordState] = []
    var keys: [Side: [RecordKey]] = [:]
    for direction in directions { keys[direction.source] = [] }
    func tell(_ record: MetRecord) {
      guard let known = keys[record.side], known.count <= Self.mostKeys else { return }
      keys[record.side]?.append(record.key)
    }
    try await findings.records.groups { group in
      switch kinship(group) {
      case .linked, .ambiguous: return
      case .alone(let record): tell(record)
      case .pair(let pair):
        let state = state(of: pair)
        if let state { states.append(state) }
        if state == nil || !isEqual(pair) {
          tell(pair.local)
          tell(pair.remote)
        } else if !holdsID(pair) {
          tell(pair.local)
        }
      }
      guard states.count >= Self.pairsInPart else { return }
      linked += try await bringTogether(states, findings.low)
      states = []
    }
    linked += try await bringTogether(states, findings.low)
    return (linked, keys.mapValues { $0.count > Self.mostKeys ? .everything : .records($0) })
  }

  private func bringTogether(_ states: [RecordState], _ low: LogSequence) async throws -> Int64 {
    guard !states.isEmpty else { return 0 }
    return Int64(
      try await log.bringTogether(states, of: link.name, at: (link.local.name, link.remote.name), after: low))
  }

  /// Both sides hold the same, in every linked field.
  private func isEqual(_ pair: Pairing) -> Bool {
    pair.shared != nil && pair.differing.isEmpty && !pair.isUnresolved
  }

  private func holdsID(_ pair: Pairing) -> Bool {
    link.idColumn == nil || pair.local.remoteID == pair.remote.key.values.first?.plainText
  }

  /// Nil for a pair that delivery has to find by itself: it cannot be told what it holds, or only a delivery that finds it
  /// tells the row its id.
  private func state(of pair: Pairing) -> RecordState? {
    guard let shared = pair.shared, holdsID(pair) || isTold(.local) else { return nil }
    let isEqual = isEqual(pair)
    // A version stands for the base it went with.
    return RecordState(
      local: .init(key: pair.local.key, version: isEqual ? pair.local.version : nil, stamp: pair.local.stamp),
      remote: .init(key: pair.remote.key, version: isEqual ? pair.remote.version : nil, stamp: pair.remote.stamp),
      base: shared, isAgreed: isEqual, sequence: .start)
  }
}
