import Changes
import Foundation
import JSON
import Reconcile
import Testing

/// The laws of the three-way merge, over generated cases and over the whole table of deletes.
struct ReconcileTests {
  /// A million where time does not matter (`scripts/test --long`).
  private static let cases = ProcessInfo.processInfo.environment["TIDEMARK_LONG"] == nil ? 40_000 : 1_000_000

  /// Runs `law` over generated cases; what fails is told with its seed, which `TIDEMARK_SEED` repeats.
  private func forAll(_ law: (Case) -> Bool) {
    let given = ProcessInfo.processInfo.environment["TIDEMARK_SEED"].flatMap { UInt64($0) }
    let seed = given ?? UInt64.random(in: 0...UInt64.max)
    print("ReconcileTests: TIDEMARK_SEED=\(seed)")
    var generator = SplitMix(state: seed)
    for number in 0..<Self.cases {
      let example = Case(&generator)
      guard law(example) else {
        Issue.record("case \(number) of TIDEMARK_SEED=\(seed): \(example) gives \(example.verdict)")
        return
      }
    }
  }

  @Test func `every generated case obeys every law`() {
    forAll { example in
      example.isUndisturbedWhenEqual && example.commutesWithSwappingSides && example.keepsOneSidedChanges
        && example.decidesByPolicy && example.settles && example.settlesOneSideAfterTheOther
    }
  }

  private let base: JSONObject = ["a": 1]
  private let changed: JSONObject = ["a": 2]

  @Test func `a deleted record that is a person's to decide stays as it is on both sides until then`() {
    let policy = ConflictPolicy(delete: .manual)
    let (gone, there) = (SideState(fields: nil), SideState(fields: changed))
    let open = reconcile(base: base, local: gone, remote: there, policy: policy)
    #expect(open.local == .nothing && open.remote == .nothing && open.conflicts.map(\.decision) == [nil])
    func decided(_ winner: Side) -> Verdict {
      let ruling = Ruling(
        field: nil, base: .object(base), local: nil, remote: .object(changed), order: .decide(.side(winner)))
      return reconcile(base: base, local: gone, remote: there, policy: policy, rulings: [ruling])
    }
    #expect(decided(.local).remote == .delete && decided(.local).local == .nothing)
    #expect(decided(.remote).local == .create(changed) && decided(.remote).remote == .nothing)
    #expect(decided(.remote).conflicts.map(\.policy) == [FieldConflict.byPerson])
  }

  @Test(arguments: DeletePolicy.allCases)
  func `a record deleted on one side and unchanged on the other is deleted`(delete: DeletePolicy) {
    let policy = ConflictPolicy(delete: delete)
    #expect(
      reconcile(base: base, local: SideState(fields: nil), remote: SideState(fields: base), policy: policy)
        == Verdict(remote: .delete))
    #expect(
      reconcile(base: base, local: SideState(fields: base), remote: SideState(fields: nil), policy: policy)
        == Verdict(local: .delete))
  }

  @Test func `a record deleted on one side and changed on the other is the delete policy's`() {
    let gone = SideState(fields: nil)
    let there = SideState(fields: changed)
    let back = reconcile(base: base, local: gone, remote: there, policy: ConflictPolicy(delete: .updateWins))
    #expect(back.local == .create(changed) && back.remote == .nothing)
    #expect(back.conflicts.map(\.kind) == [.deleteUpdate] && back.conflicts.map(\.decision) == [.side(.remote)])
    let away = reconcile(base: base, local: gone, remote: there, policy: ConflictPolicy(delete: .deleteWins))
    #expect(away.local == .nothing && away.remote == .delete)
    #expect(away.conflicts.map(\.decision) == [.side(.local)] && away.conflicts.map(\.policy) == ["delete-wins"])
  }

  @Test func `a record that only one side ever had is created on the other`() {
    let verdict = reconcile(
      base: nil, local: SideState(fields: changed), remote: SideState(fields: nil), policy: ConflictPolicy())
    #expect(verdict == Verdict(remote: .create(changed)))
    let nothing = SideState(fields: nil)
    #expect(reconcile(base: base, local: nothing, remote: nothing, policy: ConflictPolicy()) == Verdict())
  }

  @Test func `a number written with other digits is no change, a missing field is null`() throws {
    let local = try JSONObject(parsing: Array(#"{"a":1.10,"b":null}"#.utf8))
    let remote = try JSONObject(parsing: Array(#"{"a":1.1}"#.utf8))
    let verdict = reconcile(
      base: nil, local: SideState(fields: local), remote: SideState(fields: remote), policy: ConflictPolicy())
    #expect(verdict == Verdict())
  }

  @Test func `the next base is what both sides share, and what was agreed before where they differ`() {
    let old: JSONObject = ["a": 1, "b": 1]
    let next = agreed(base: old, local: ["a": 2, "b": 2, "c": 3, "d": 1], remote: ["a": 2, "b": 3, "c": 3, "d": 2])
    #expect(next == ["a": 2, "b": 1, "c": 3])
  }

  @Test(arguments: [(100, nil), (101, Side.remote), (-101, .local), (0, nil)] as [(Int64, Side?)])
  func `times within the clocks' uncertainty decide nothing`(milliseconds: Int64, winner: Side?) {
    let policy = ConflictPolicy(default: .newest, clockUncertainty: .milliseconds(100))
    let start = Timestamp(microseconds: 1_000_000_000)
    let verdict = reconcile(
      base: ["a": 0], local: SideState(fields: ["a": 1], changedAt: start),
      remote: SideState(fields: ["a": 2], changedAt: Timestamp(microseconds: 1_000_000_000 + milliseconds * 1000)),
      policy: policy)
    #expect(verdict.conflicts.map(\.decision) == [winner.map { .side($0) }])
  }

  @Test(
    arguments: [
      (FieldPolicy.max, "1", "9", "10", "10"),
      (
        .max, #""2026-01-31T12:00:00Z""#, #""2026-01-31T12:00:00.5Z""#,
        #""2026-01-31T13:00:00+02:00""#, #""2026-01-31T12:00:00.5Z""#
      ), (.max, "1", "null", "-3", "-3"),
      (.min, "1", "9", "10", "9"), (.min, #""a""#, #""c""#, #""b""#, #""b""#), (.max, "1", "2", #""x""#, nil),
      (.delta, "100", "103", "95", "98"), (.delta, "0.10", "0.1", "1e2", nil),
      (.delta, "0.10", "0.30", "1e2", "100.20"),
      (.delta, "-1", "-12345678901234567890.5", "2", "-12345678901234567887.5"),
      (.delta, "null", "1", "2", nil), (.delta, "1", "1e999999999", "2", nil), (.delta, "1", "1e-999999999", "2", nil),
      (.union(separator: nil), "[1,2,3]", "[1,3,5]", "[4,3,2]", "[3,4,5]"),
      (.union(separator: ";"), #""a;b""#, #""a; b;d""#, #""b;c""#, #""b;c;d""#),
      (.union(separator: nil), #""a""#, #""b""#, #""c""#, nil),
      (.union(separator: ";"), "null", #""b""#, #""a""#, #""a;b""#),
      (.append, #""note""#, #""note, one""#, #""note, two""#, #""note, one, two""#),
      (.append, #""b""#, #""ab""#, #""bc""#, #""abc""#), (.append, "[1]", "[1,2]", "[1,3]", "[1,2,3]"),
      (.append, #""note""#, #""not""#, #""note!""#, nil), (.append, "null", #""x""#, #""y""#, #""xy""#),
      (.fillEmpty, "1", "null", "2", "2"), (.fillEmpty, "1", #""""#, #""x""#, #""x""#),
      (.fillEmpty, "1", "2", "3", nil),
      (.manual, "1", "2", "3", nil), (.first([.fillEmpty, .side(.local)]), "1", "2", "null", "2"),
      (.first([.side(.local), .side(.remote)]), "1", "null", "2", "2"),
      (.first([.side(.local), .side(.remote)]), "1", "3", "2", "3"), (.first([.newest, .delta]), "1", "3", "2", "4"),
      (.first([.newest, .manual]), "1", "3", "2", nil),
    ] as [(FieldPolicy, String, String, String, String?)])
  func `a policy makes of two values`(
    policy: FieldPolicy, base: String, local: String, remote: String, outcome: String?
  ) throws {
    let (before, here, there) = try (JSONValue(parsing: base), JSONValue(parsing: local), JSONValue(parsing: remote))
    guard here != before, there != before else {
      #expect(outcome == nil)
      return
    }
    let verdict = reconcile(
      base: ["f": before], local: SideState(fields: ["f": here]), remote: SideState(fields: ["f": there]),
      policy: ConflictPolicy(default: policy))
    let conflict = try #require(verdict.conflicts.first)
    #expect(conflict.value?.text == outcome)
  }

  @Test func `columns of a group are taken from one side where both changed any of them`() {
    let group = ColumnGroup(name: "address", columns: ["street", "city"], policy: .side(.remote))
    let policy = ConflictPolicy(default: .side(.local), groups: [group])
    let base: JSONObject = ["street": 1, "city": 1, "name": 1]
    let mixed = reconcile(
      base: base, local: SideState(fields: ["street": 2, "city": 1, "name": 2]),
      remote: SideState(fields: ["street": 1, "city": 3, "name": 1]), policy: policy)
    #expect(mixed.local == .update(["street": 1, "city": 3]) && mixed.remote == .update(["name": 2]))
    #expect(Set(mixed.conflicts.map(\.field)) == ["street", "city"])
    let oneSided = reconcile(
      base: base, local: SideState(fields: ["street": 2, "city": 2, "name": 1]), remote: SideState(fields: base),
      policy: policy)
    #expect(oneSided == Verdict(remote: .update(["street": 2, "city": 2])))
  }

  @Test func `what a person said holds while both sides hold what was seen, and can be taken back`() {
    let base: JSONObject = ["a": 1]
    func verdict(_ local: JSONValue, _ remote: JSONValue, _ order: Ruling.Order) -> Verdict {
      reconcile(
        base: base, local: SideState(fields: ["a": local]), remote: SideState(fields: ["a": remote]),
        policy: ConflictPolicy(default: .side(.local)),
        rulings: [Ruling(field: "a", base: 1, local: 2, remote: 3, order: order)])
    }
    let decided = verdict(2, 3, .decide(.value(9)))
    #expect(decided.local == .update(["a": 9]) && decided.remote == .update(["a": 9]) && decided.joined == ["a"])
    #expect(verdict(2, 4, .decide(.value(9))).remote == .update(["a": 2]), "a side moved on: the policy decides")
    let back = verdict(9, 9, .restore(from: 9))
    #expect(back.local == .update(["a": 2]) && back.remote == .update(["a": 3]))
    #expect(back.conflicts.map(\.decision) == [nil] && back.conflicts.map(\.order) == [.restore(from: 9)])
    let half = verdict(2, 9, .restore(from: 9))
    #expect(half.local == .nothing && half.remote == .update(["a": 3]))
    let whole = verdict(2, 3, .restore(from: 9))
    #expect(whole.local == .nothing && whole.remote == .nothing && whole.conflicts.map(\.order) == [.hold])
    #expect(verdict(2, 3, .hold).conflicts.map(\.decision) == [nil])
    #expect(verdict(2, 5, .hold).conflicts.map(\.decision) == [.side(.local)])
  }
}

extension FieldConflict {
  /// What both sides are to hold; nil: undecided.
  fileprivate var value: JSONValue? {
    switch decision {
    case .side(.local)?: local
    case .side(.remote)?: remote
    case .value(let value)?: value
    case nil: nil
    }
  }
}

/// One generated decision.
private struct Case {
  var base: JSONObject?
  var local: SideState
  var remote: SideState
  var policy: ConflictPolicy

  static let names = ["a", "b", "c", "d"]
  /// Few values, so that equal ones are common, of all the kinds that policies tell apart.
  private static let values: [JSONValue] = [
    .null, 1, 2, 5, .number(JSONNumber(text: "2.5") ?? JSONNumber(2)), "", "x", "xy", "zx", "p;q", ["p"], ["p", "q"],
    true,
  ]
  private static let rules: [FieldPolicy] = [
    .newest, .side(.local), .side(.remote), .max, .min, .delta, .union(separator: nil), .union(separator: ";"), .append,
    .fillEmpty, .manual, .first([.fillEmpty, .newest, .manual]), .first([.side(.remote), .delta, .max]),
    .first([.union(separator: nil), .side(.local)]),
  ]
  private static let picking: [FieldPolicy] = [
    .newest, .side(.local), .side(.remote), .manual, .first([.newest, .side(.local)]),
  ]

  init(_ generator: inout SplitMix) {
    base = generator.pick(5) == 0 ? nil : Case.record(&generator)
    // Most cases start from the base, as records in real life do.
    local = Case.side(&generator, base)
    remote = Case.side(&generator, base)
    var fields: [String: FieldPolicy] = [:]
    for name in Case.names { fields[name] = Case.rules[generator.pick(Case.rules.count)] }
    var groups: [ColumnGroup] = []
    if generator.pick(3) == 0 {
      for name in ["a", "b"] { fields[name] = nil }
      groups = [
        ColumnGroup(name: "g", columns: ["a", "b"], policy: Case.picking[generator.pick(Case.picking.count)])
      ]
    }
    policy = ConflictPolicy(
      default: Case.rules[generator.pick(Case.rules.count)], fields: fields, groups: groups,
      delete: DeletePolicy.allCases[generator.pick(3)])
  }

  private init(base: JSONObject?, local: SideState, remote: SideState, policy: ConflictPolicy) {
    (self.base, self.local, self.remote, self.policy) = (base, local, remote, policy)
  }

  private static func record(_ generator: inout SplitMix) -> JSONObject {
    var record = JSONObject()
    for name in names where generator.pick(8) > 0 { record[name] = values[generator.pick(values.count)] }
    return record
  }

  private static func side(_ generator: inout SplitMix, _ base: JSONObject?) -> SideState {
    guard generator.pick(6) > 0 else { return SideState(fields: nil) }
    var fields = generator.pick(2) == 0 ? base ?? record(&generator) : record(&generator)
    for _ in 0..<generator.pick(3) { fields[names[generator.pick(names.count)]] = values[generator.pick(values.count)] }
    let time = generator.pick(4) == 0 ? nil : Timestamp(microseconds: Int64(generator.pick(5)) * 80_000)
    return SideState(fields: fields, changedAt: time)
  }

  var verdict: Verdict { reconcile(base: base, local: local, remote: remote, policy: policy) }
}

// MARK: - The laws

extension Case {
  /// But for what is counted: two equal increments are two.
  var isUndisturbedWhenEqual: Bool {
    [local, remote].allSatisfy { side in
      let verdict = reconcile(base: base, local: side, remote: side, policy: policy)
      return verdict.conflicts.isEmpty
        ? verdict == Verdict() : verdict.conflicts.allSatisfy { policy[$0.field ?? ""] == .delta }
    }
  }

  var commutesWithSwappingSides: Bool {
    let swapped = Case(base: base, local: remote, remote: local, policy: policy.mirrored).verdict.mirrored
    return swapped.local == verdict.local && swapped.remote == verdict.remote
      && Set(swapped.conflicts) == Set(verdict.conflicts)
  }

  /// A field that one side changed and the other left as agreed reaches the other side, and nothing comes back; of a group
  /// of which both changed something all that differs is told.
  var keepsOneSidedChanges: Bool {
    guard let base, let here = local.fields, let there = remote.fields else { return true }
    let verdict = verdict
    return Case.names.allSatisfy { name in
      let (mine, theirs) = (here[name] ?? .null, there[name] ?? .null)
      guard mine != theirs else { return true }
      let isTold = verdict.conflicts.contains { $0.field == name }
      if isTold, policy.groups.contains(where: { $0.columns.contains(name) }) { return true }
      guard let shared = base[name] else { return isTold }
      if shared == theirs { return verdict.remote.update?[name] == mine && verdict.local.update?[name] == nil }
      if shared == mine { return verdict.local.update?[name] == theirs && verdict.remote.update?[name] == nil }
      return isTold
    }
  }

  /// Each policy keeps its own law, and what it decides is written wherever it is not held already.
  var decidesByPolicy: Bool {
    let verdict = verdict
    return verdict.conflicts.allSatisfy { conflict in
      guard let field = conflict.field else {
        let survivor: Side = conflict.kind == .updateDelete ? .local : .remote
        let winner: Side? = [.updateWins: survivor, .deleteWins: survivor.opposite][policy.delete]
        return conflict.decision == winner.map { .side($0) }
      }
      let group = policy.groups.first { $0.columns.contains(field) }
      guard group != nil || obeys(policy[field], conflict) else { return false }
      let (toLocal, toRemote) = (verdict.local.update?[field], verdict.remote.update?[field])
      guard let value = conflict.value else { return toLocal == nil && toRemote == nil }
      return toLocal == (conflict.local == value ? JSONValue?.none : value)
        && toRemote == (conflict.remote == value ? JSONValue?.none : value)
    }
  }

  private func obeys(_ rule: FieldPolicy, _ conflict: FieldConflict) -> Bool {
    guard let here = conflict.local, let there = conflict.remote else { return false }
    let value = conflict.value
    switch rule {
    case .side(let side): return conflict.decision == .side(side)
    case .newest: return conflict.decision == laterSide.map { .side($0) }
    case .manual: return value == nil
    case .max, .min:
      guard case .number(let a) = here, case .number(let b) = there else {
        return value == nil || value == here || value == there
      }
      return value == .number(rule == .max ? Swift.max(a, b) : Swift.min(a, b))
    case .delta:
      guard let before = conflict.base.flatMap(number), let a = number(here), let b = number(there) else {
        return value == nil
      }
      return value.flatMap(number) == before + (a - before) + (b - before)
    case .union(let separator):
      guard let a = set(here, separator), let b = set(there, separator),
        let before = set(conflict.base ?? .null, separator)
      else { return value == nil }
      return value.flatMap { set($0, separator) }
        == a.union(b).subtracting(before.subtracting(a)).subtracting(before.subtracting(b))
    case .append:
      guard let value else { return true }
      let lengths = [here, there, conflict.base ?? .null].map { $0.stringValue?.count ?? $0.arrayValue?.count ?? 0 }
      return (value.stringValue?.count ?? value.arrayValue?.count ?? 0) == lengths[0] + lengths[1] - lengths[2]
        && isWithin(here, value) && isWithin(there, value)
    case .fillEmpty:
      let nothing: [JSONValue] = [.null, "", []]
      let isEmpty = [nothing.contains(here), nothing.contains(there)]
      return isEmpty[0] == isEmpty[1] ? isEmpty[0] || value == nil : value == (isEmpty[0] ? there : here)
    case .first(let rules):
      // One of them decided, and so that its own law holds.
      guard value != nil else {
        return rules.allSatisfy { rule in if case .side = rule { true } else { alone(rule, conflict) == nil } }
      }
      return rules.contains { alone($0, conflict) == conflict.decision }
    }
  }

  /// What one policy would make of the same field.
  private func alone(_ rule: FieldPolicy, _ conflict: FieldConflict) -> Decision? {
    let name = conflict.field ?? ""
    return reconcile(
      base: base.map { object in object.filter { $0 == name } },
      local: SideState(fields: local.fields?.filter { $0 == name }, changedAt: local.changedAt),
      remote: SideState(fields: remote.fields?.filter { $0 == name }, changedAt: remote.changedAt),
      policy: ConflictPolicy(default: rule)
    ).conflicts.first?.decision
  }

  private var laterSide: Side? {
    guard let here = local.changedAt, let there = remote.changedAt else { return nil }
    let ahead = here.seconds(since: there)
    return abs(ahead) <= 0.1 ? nil : ahead > 0 ? .local : .remote
  }

  private func number(_ value: JSONValue) -> Double? {
    if case .number(let number) = value { Double(number.text) } else { nil }
  }

  private func set(_ value: JSONValue, _ separator: String?) -> Set<JSONValue>? {
    switch value {
    case .null: []
    case .array(let elements): Set(elements)
    case .string(let text): separator.map { Set(text.split(separator: $0).map { .string(String($0)) }) }
    default: nil
    }
  }

  /// Whether a text or list stands in another one, perhaps with something between its parts.
  private func isWithin(_ part: JSONValue, _ whole: JSONValue) -> Bool {
    func elements(_ value: JSONValue) -> [JSONValue] {
      value.arrayValue ?? (value.stringValue ?? "").map { .string(String($0)) }
    }
    var rest = elements(whole)[...]
    for element in elements(part) {
      guard let place = rest.firstIndex(of: element) else { return false }
      rest = rest[(place + 1)...]
    }
    return true
  }

  /// Once the verdict is carried out the sides are equal but for undecided fields, and deciding again does nothing.
  var settles: Bool {
    let verdict = verdict
    let here = verdict.local.applied(to: local.fields)
    let there = verdict.remote.applied(to: remote.fields)
    guard let here, let there else {
      return (here == nil && there == nil) || verdict.conflicts.contains { $0.field == nil && $0.decision == nil }
    }
    return isSettled(here, there, base: agreed(base: base, local: here, remote: there))
  }

  private func isSettled(_ here: JSONObject, _ there: JSONObject, base: JSONObject) -> Bool {
    let undecided = Set(verdict.conflicts.filter { $0.decision == nil }.compactMap(\.field))
    let isEqual = Case.names.allSatisfy { undecided.contains($0) || (here[$0] ?? .null) == (there[$0] ?? .null) }
    let again = reconcile(
      base: base, local: SideState(fields: here, changedAt: local.changedAt),
      remote: SideState(fields: there, changedAt: remote.changedAt), policy: policy)
    return isEqual && again.local == .nothing && again.remote == .nothing
      && Set(again.conflicts.compactMap(\.field)) == undecided
  }

  /// A delivery writes one side and remembers; the other side is written by a later one that decides anew. What was added up
  /// must not be added again. Written at `first`, what the other side holds is the ancestor of both.
  var settlesOneSideAfterTheOther: Bool {
    guard base != nil, let here = local.fields, let there = remote.fields else { return true }
    return Side.allCases.allSatisfy { first in
      let verdict = verdict
      let mine = first == .local ? verdict.local.applied(to: here) ?? [:] : here
      let theirs = first == .remote ? verdict.remote.applied(to: there) ?? [:] : there
      let other = first == .local ? theirs : mine
      let next = agreed(base: base, local: mine, remote: theirs).merging(
        other.filter { verdict.joined.contains($0) && mine[$0] != theirs[$0] })
      let second = reconcile(
        base: next, local: SideState(fields: mine, changedAt: local.changedAt),
        remote: SideState(fields: theirs, changedAt: remote.changedAt), policy: policy)
      let (last, beside) = (second.local.applied(to: mine), second.remote.applied(to: theirs))
      guard let last, let beside else { return false }
      return Case.names.allSatisfy { name in
        // A null that is not written is null.
        (last[name] ?? .null) == (verdict.local.applied(to: here)?[name] ?? .null)
          && (beside[name] ?? .null) == (verdict.remote.applied(to: there)?[name] ?? .null)
      }
    }
  }
}

extension SideAction {
  fileprivate var update: JSONObject? {
    if case .update(let fields) = self { fields } else { nil }
  }

  fileprivate func applied(to fields: JSONObject?) -> JSONObject? {
    switch self {
    case .nothing: fields
    case .create(let fields): fields
    case .update(let changed): fields?.merging(changed)
    case .delete: nil
    }
  }
}

extension ConflictPolicy {
  fileprivate var mirrored: ConflictPolicy {
    ConflictPolicy(
      default: self.default.mirrored, fields: fields.mapValues(\.mirrored),
      groups: groups.map { ColumnGroup(name: $0.name, columns: $0.columns, policy: $0.policy.mirrored) },
      delete: delete,
      clockUncertainty: clockUncertainty)
  }
}

extension FieldPolicy {
  fileprivate var mirrored: FieldPolicy {
    switch self {
    case .side(let side): .side(side.opposite)
    case .first(let policies): .first(policies.map(\.mirrored))
    default: self
    }
  }
}

extension Verdict {
  fileprivate var mirrored: Verdict {
    Verdict(local: remote, remote: local, conflicts: conflicts.map(\.mirrored))
  }
}

extension FieldConflict {
  fileprivate var mirrored: FieldConflict {
    var other = self
    (other.local, other.remote) = (remote, local)
    if case .side(let side)? = decision { other.decision = .side(side.opposite) }
    switch kind {
    case .updateDelete: other.kind = .deleteUpdate
    case .deleteUpdate: other.kind = .updateDelete
    case .update, .create: break
    }
    other.policy = policy.split(separator: ", ").map { ["local": "remote", "remote": "local"]["\($0)"] ?? "\($0)" }
      .joined(separator: ", ")
    return other
  }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers for the same seed everywhere.
private struct SplitMix {
  var state: UInt64

  mutating func pick(_ count: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return Int((mixed ^ (mixed >> 31)) % UInt64(count))
  }
}
