import Changes
import Foundation
import JSON
import Reconcile
import Testing

/// The laws of the three-way merge, over generated cases and over the whole table of deletes.
struct ReconcileTests {
  private static let cases = 200_000

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
        && example.decidesByPolicy && example.settles
    }
  }

  private let base: JSONObject = ["a": 1]
  private let changed: JSONObject = ["a": 2]

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
    #expect(back.conflicts.map(\.kind) == [.deleteUpdate] && back.conflicts.map(\.winner) == [.remote])
    let away = reconcile(base: base, local: gone, remote: there, policy: ConflictPolicy(delete: .deleteWins))
    #expect(away.local == .nothing && away.remote == .delete)
    #expect(away.conflicts.map(\.winner) == [.local] && away.conflicts.map(\.policy) == ["delete-wins"])
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
    #expect(verdict.conflicts.map(\.winner) == [winner])
  }
}

/// One generated decision.
private struct Case {
  var base: JSONObject?
  var local: SideState
  var remote: SideState
  var policy: ConflictPolicy

  private static let names = ["a", "b", "c"]
  /// Few values, so that equal ones are common.
  private static let values: [JSONValue] = [.null, 1, "x"]

  init(_ generator: inout SplitMix) {
    base = generator.pick(5) == 0 ? nil : Case.record(&generator)
    // Most cases start from the base, as records in real life do.
    local = Case.side(&generator, base)
    remote = Case.side(&generator, base)
    let rules: [FieldPolicy] = [.newest, .side(.local), .side(.remote)]
    policy = ConflictPolicy(
      default: rules[generator.pick(3)], fields: ["b": rules[generator.pick(3)]],
      delete: DeletePolicy.allCases[generator.pick(2)])
  }

  private init(base: JSONObject?, local: SideState, remote: SideState, policy: ConflictPolicy) {
    (self.base, self.local, self.remote, self.policy) = (base, local, remote, policy)
  }

  private static func record(_ generator: inout SplitMix) -> JSONObject {
    var record = JSONObject()
    for name in names where generator.pick(8) > 0 { record[name] = values[generator.pick(3)] }
    return record
  }

  private static func side(_ generator: inout SplitMix, _ base: JSONObject?) -> SideState {
    guard generator.pick(6) > 0 else { return SideState(fields: nil) }
    var fields = generator.pick(2) == 0 ? base ?? record(&generator) : record(&generator)
    if generator.pick(2) == 0 { fields[names[generator.pick(3)]] = values[generator.pick(3)] }
    let time = generator.pick(4) == 0 ? nil : Timestamp(microseconds: Int64(generator.pick(5)) * 80_000)
    return SideState(fields: fields, changedAt: time)
  }

  var verdict: Verdict { reconcile(base: base, local: local, remote: remote, policy: policy) }
}

// MARK: - The laws

extension Case {
  var isUndisturbedWhenEqual: Bool {
    [local, remote].allSatisfy { side in
      reconcile(base: base, local: side, remote: side, policy: policy) == Verdict()
    }
  }

  var commutesWithSwappingSides: Bool {
    let swapped = Case(base: base, local: remote, remote: local, policy: policy.mirrored).verdict.mirrored
    return swapped.local == verdict.local && swapped.remote == verdict.remote
      && Set(swapped.conflicts) == Set(verdict.conflicts)
  }

  /// A field that one side changed and the other left as agreed reaches the other side, and nothing comes back.
  var keepsOneSidedChanges: Bool {
    guard let base, let here = local.fields, let there = remote.fields else { return true }
    let verdict = verdict
    return Case.names.allSatisfy { name in
      let (mine, theirs) = (here[name] ?? .null, there[name] ?? .null)
      guard mine != theirs, let shared = base[name] else { return true }
      if shared == theirs { return verdict.remote.update?[name] == mine && verdict.local.update?[name] == nil }
      if shared == mine { return verdict.local.update?[name] == theirs && verdict.remote.update?[name] == nil }
      return verdict.conflicts.contains { $0.field == name }
    }
  }

  /// A conflict's winner is whom its policy names, and an undecided field is written nowhere.
  var decidesByPolicy: Bool {
    let verdict = verdict
    return verdict.conflicts.allSatisfy { conflict in
      guard let field = conflict.field else {
        let survivor: Side = conflict.kind == .updateDelete ? .local : .remote
        return conflict.winner == (policy.delete == .updateWins ? survivor : survivor.opposite)
      }
      let (toLocal, toRemote) = (verdict.local.update?[field], verdict.remote.update?[field])
      guard conflict.winner == expectedWinner(policy[field]) else { return false }
      switch conflict.winner {
      case .local: return toLocal == nil && toRemote == conflict.local
      case .remote: return toRemote == nil && toLocal == conflict.remote
      case nil: return toLocal == nil && toRemote == nil
      }
    }
  }

  private func expectedWinner(_ rule: FieldPolicy) -> Side? {
    switch rule {
    case .side(let side): return side
    case .newest:
      guard let here = local.changedAt, let there = remote.changedAt else { return nil }
      let ahead = here.seconds(since: there)
      return abs(ahead) <= 0.1 ? nil : ahead > 0 ? .local : .remote
    }
  }

  /// Once the verdict is carried out the sides are equal but for undecided fields, and deciding again does nothing.
  var settles: Bool {
    let verdict = verdict
    let here = verdict.local.applied(to: local.fields)
    let there = verdict.remote.applied(to: remote.fields)
    guard let here, let there else { return here == nil && there == nil }
    let undecided = Set(verdict.conflicts.filter { $0.winner == nil }.compactMap(\.field))
    let isEqual = Case.names.allSatisfy { undecided.contains($0) || (here[$0] ?? .null) == (there[$0] ?? .null) }
    let again = reconcile(
      base: agreed(base: base, local: here, remote: there),
      local: SideState(fields: here, changedAt: local.changedAt),
      remote: SideState(fields: there, changedAt: remote.changedAt), policy: policy)
    return isEqual && again.local == .nothing && again.remote == .nothing
      && Set(again.conflicts.compactMap(\.field)) == undecided
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
      default: self.default.mirrored, fields: fields.mapValues(\.mirrored), delete: delete,
      clockUncertainty: clockUncertainty)
  }
}

extension FieldPolicy {
  fileprivate var mirrored: FieldPolicy {
    if case .side(let side) = self { .side(side.opposite) } else { self }
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
    (other.local, other.remote, other.winner) = (remote, local, winner?.opposite)
    switch kind {
    case .updateDelete: other.kind = .deleteUpdate
    case .deleteUpdate: other.kind = .updateDelete
    case .update, .create: break
    }
    other.policy = ["local": "remote", "remote": "local"][policy] ?? policy
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
