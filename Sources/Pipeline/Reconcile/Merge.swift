import Changes
import JSON

/// The merge of a record that both sides have, while it is made.
struct Merge {
  let base: JSONObject?
  let local: SideState
  let remote: SideState
  let policy: ConflictPolicy
  let rulings: [Ruling]
  let doubtful: Set<String>

  private var toLocal = JSONObject()
  private var toRemote = JSONObject()
  private var conflicts: [FieldConflict] = []
  /// The fields of groups that differ; they are looked at together, in the end.
  private var grouped: [Int: [Difference]] = [:]

  private struct Difference {
    let name: String
    let base: JSONValue?
    let local: JSONValue
    let remote: JSONValue

    /// Nil: both, or nobody can tell.
    var changedSide: Side? { base == local ? .remote : base == remote ? .local : nil }
  }

  init(
    base: JSONObject?, local: SideState, remote: SideState, policy: ConflictPolicy, rulings: [Ruling],
    doubtful: Set<String>
  ) {
    self.base = base
    self.local = local
    self.remote = remote
    self.policy = policy
    self.rulings = rulings
    self.doubtful = doubtful
  }

  var verdict: Verdict {
    Verdict(
      local: toLocal.isEmpty ? .nothing : .update(toLocal), remote: toRemote.isEmpty ? .nothing : .update(toRemote),
      conflicts: conflicts)
  }

  mutating func compare(_ here: JSONObject, _ there: JSONObject) {
    // Fields that are equal are mostly no question at all.
    let looksAtAll = policy.countsEqualChanges || !rulings.isEmpty
    var matched = 0
    for (place, member) in here.members.enumerated() {
      // Both come from one mapping, so what belongs together mostly stands at the same place.
      let theirs = there.value(of: member.name, near: place)
      if theirs != nil { matched += 1 }
      if looksAtAll || member.value != theirs { look(member.name, member.value, theirs ?? .null) }
    }
    if matched < there.count {
      for member in there.members where here[member.name] == nil { look(member.name, .null, member.value) }
    }
    for (group, differences) in grouped.sorted(by: { $0.key < $1.key }) { decide(policy.groups[group], differences) }
  }

  private mutating func look(_ name: String, _ mine: JSONValue, _ theirs: JSONValue) {
    let ruling = rulings.isEmpty ? nil : rulings.first { $0.field == name && $0.stands(mine, theirs) }
    let difference = Difference(name: name, base: base?[name], local: mine, remote: theirs)
    if let ruling { return follow(ruling, difference) }
    let isOpenToDoubt = isDoubtful(name) && policy[name].accumulates
    if mine == theirs, isOpenToDoubt || !isCountedTwice(difference) { return }
    if isOpenToDoubt { return settle(difference, nil, FieldPolicy.manual.name, isDoubtful: true) }
    if difference.base == nil, let first = policy.firstContact?.decision(question(nil, mine, theirs)) {
      settle(difference, first.decision, first.policy)
    } else if !policy.groups.isEmpty, let group = policy.group(of: name) {
      grouped[group, default: []].append(difference)
    } else if let side = difference.changedSide {
      carry(difference, .side(side))
    } else {
      let rule = policy[name]
      settle(difference, rule.decision(question(difference.base, mine, theirs)), rule.name)
    }
  }

  private mutating func decide(_ group: ColumnGroup, _ differences: [Difference]) {
    let sides = Set(differences.map(\.changedSide))
    if sides.count == 1, case .some(let side?) = sides.first {
      for difference in differences { carry(difference, .side(side)) }
      return
    }
    // A side whose columns are all empty has no value.
    func whole(_ values: [JSONValue]) -> JSONValue { values.allSatisfy(\.isEmptyValue) ? .null : .array(values) }
    let decision = group.policy.decision(
      question(nil, whole(differences.map(\.local)), whole(differences.map(\.remote))))
    for difference in differences { settle(difference, decision, group.policy.name) }
  }

  private func isDoubtful(_ name: String) -> Bool {
    doubtful.contains(name) || rulings.contains { $0.field == name && $0.isDoubtful }
  }

  /// Both sides changed the number alike, and both changes count.
  private func isCountedTwice(_ difference: Difference) -> Bool {
    guard policy.countsEqualChanges, policy[difference.name].countsEqualChanges, difference.base != difference.local,
      policy.group(of: difference.name) == nil, case .number? = difference.base, case .number = difference.local
    else { return false }
    return true
  }

  private mutating func follow(_ ruling: Ruling, _ difference: Difference) {
    switch ruling.order {
    case nil: break
    case .decide(let decision)?: settle(difference, decision, FieldConflict.byPerson)
    case .hold?: leave(ruling, difference)
    case .restore?:
      if difference.local != ruling.seenLocal { toLocal[difference.name] = ruling.seenLocal }
      if difference.remote != ruling.seenRemote { toRemote[difference.name] = ruling.seenRemote }
      leave(ruling, difference)
    }
  }

  private mutating func leave(_ ruling: Ruling, _ difference: Difference) {
    let isRestored = difference.local == ruling.seenLocal && difference.remote == ruling.seenRemote
    conflicts.append(
      FieldConflict(
        kind: .update, field: difference.name, base: ruling.base, local: ruling.seenLocal, remote: ruling.seenRemote,
        decision: nil, policy: FieldPolicy.manual.name, order: isRestored ? .hold : ruling.order))
  }

  private mutating func settle(
    _ difference: Difference, _ decision: Decision?, _ policy: String, isDoubtful: Bool = false
  ) {
    conflicts.append(
      FieldConflict(
        kind: difference.base == nil ? .create : .update, field: difference.name, base: difference.base,
        local: difference.local,
        remote: difference.remote, decision: decision, policy: policy, isDoubtful: isDoubtful))
    if let decision { carry(difference, decision) }
  }

  private mutating func carry(_ difference: Difference, _ decision: Decision) {
    switch decision {
    case .side(.local): toRemote[difference.name] = difference.local
    case .side(.remote): toLocal[difference.name] = difference.remote
    case .value(let value):
      if difference.local != value { toLocal[difference.name] = value }
      if difference.remote != value { toRemote[difference.name] = value }
    }
  }

  private func question(_ base: JSONValue?, _ mine: JSONValue, _ theirs: JSONValue) -> Question {
    Question(
      base: base, local: mine, remote: theirs, localChangedAt: local.changedAt, remoteChangedAt: remote.changedAt,
      clockUncertainty: policy.clockUncertainty)
  }
}

extension Ruling {
  fileprivate var seenLocal: JSONValue { local ?? .null }
  fileprivate var seenRemote: JSONValue { remote ?? .null }

  /// Whether both sides hold what the person saw, or what taking a decision back finds.
  fileprivate func stands(_ mine: JSONValue, _ theirs: JSONValue) -> Bool {
    switch order {
    case nil: false
    case .decide?, .hold?: mine == seenLocal && theirs == seenRemote
    case .restore(let from)?: (mine == seenLocal || mine == from) && (theirs == seenRemote || theirs == from)
    }
  }
}
