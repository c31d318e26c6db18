import Changes
import JSON
package import Log
package import Reconcile

/// Decides recorded conflicts once more under another policy. Nothing is read but the log, and nothing is written.
package struct Rehearsal: Sendable {
  /// A recorded conflict with what the other policy makes of it.
  package struct Outcome: Sendable {
    package let recorded: ConflictRecord
    /// The same conflict as the other policy would have left it.
    package let rehearsed: ConflictRecord

    package var differs: Bool { recorded.decision != rehearsed.decision }
  }

  private let policy: ConflictPolicy

  package init(_ policy: ConflictPolicy) { self.policy = policy }

  /// - Parameter conflicts: of one link. Those that one change met are decided together, as they were.
  package func outcomes(_ conflicts: [ConflictRecord]) -> [Outcome] {
    struct Meeting: Hashable {
      let key: String
      let sequence: Int64
    }
    var order: [Meeting] = []
    var groups: [Meeting: [ConflictRecord]] = [:]
    for conflict in conflicts {
      let meeting = Meeting(key: conflict.localKey, sequence: conflict.sequence.number)
      if groups[meeting] == nil { order.append(meeting) }
      groups[meeting, default: []].append(conflict)
    }
    return order.flatMap { meeting in decide(groups[meeting] ?? []) }
  }

  private func decide(_ conflicts: [ConflictRecord]) -> [Outcome] {
    let whole = conflicts.filter { $0.field == nil }.map { conflict in
      outcome(
        conflict,
        decided(
          base: conflict.base?.objectValue, conflict.local?.objectValue, conflict.remote?.objectValue, of: conflict))
    }
    let fields = conflicts.filter { $0.field != nil }
    guard let first = fields.first else { return whole }
    func object(_ value: (ConflictRecord) -> JSONValue?) -> JSONObject {
      JSONObject(fields.compactMap { conflict in value(conflict).map { (conflict.field ?? "", $0) } })
    }
    let verdict = decided(
      base: object(\.base), object(\.local), object(\.remote), of: first)
    return whole + fields.map { outcome($0, verdict) }
  }

  private func decided(
    base: JSONObject?, _ local: JSONObject?, _ remote: JSONObject?, of conflict: ConflictRecord
  ) -> Verdict {
    reconcile(
      base: base, local: SideState(fields: local, changedAt: conflict.localAt),
      remote: SideState(fields: remote, changedAt: conflict.remoteAt), policy: policy)
  }

  private func outcome(_ conflict: ConflictRecord, _ verdict: Verdict) -> Outcome {
    var rehearsed = conflict
    let met = verdict.conflicts.first { $0.field == conflict.field }
    rehearsed.decision = met?.decision
    rehearsed.policy = met?.policy ?? conflict.policy
    return Outcome(recorded: conflict, rehearsed: rehearsed)
  }
}
