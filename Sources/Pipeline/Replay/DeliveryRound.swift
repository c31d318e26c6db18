import Changes
import JSON
import Log
import Reconcile

/// The source's side of a delivery: the record as the change shows it, or as it was read again.
struct Seen: Sendable {
  let key: RecordKey
  /// In the source's own shape; nil: it does not exist (any more).
  let object: JSONObject?
  let version: String?
  /// Nil where nobody knows.
  let changedAt: Timestamp?
  let stamp: Stamp
}

/// What the target is taken to hold.
struct Target: Sendable {
  let key: RecordKey
  /// The linked fields.
  let fields: JSONObject
  let version: String?
  let stamp: Stamp?
  var changedAt: Timestamp?
  /// It was read, not assumed from the base.
  let isRead: Bool
}

enum Assumption: Sendable {
  case target(Target?)
  /// More than one record could be meant, or the one that is belongs to another.
  case ambiguous(Failure)
  /// The one that is meant is being linked to another, and that may turn out to be this one.
  case undecided(Failure)

  var target: Target? {
    if case .target(let target) = self { target } else { nil }
  }
}

/// One decision of a delivery, made with what is known of the target at the moment. Pure: no I/O.
struct Round: Sendable {
  struct After: Sendable {
    let applied: Outcome.Applied
    /// The target's linked fields after the write; nil after a delete.
    let fields: JSONObject?
  }

  let link: Link
  let direction: Direction
  let logged: LoggedChange
  let seen: Seen
  /// The source's linked fields; nil: the record does not exist there.
  let fields: JSONObject?
  let assumed: Target?
  let state: RecordState?
  private let recovery: Recovery
  /// The target is to hold what the source holds, whatever it holds now.
  private let isSourceRight: Bool
  private let verdict: Verdict

  init(
    link: Link, direction: Direction, logged: LoggedChange, seen: Seen, fields: JSONObject?, assumed: Target?,
    state: RecordState?, recovery: Recovery, policy: ConflictPolicy, rulings: [Ruling]
  ) {
    self.link = link
    self.direction = direction
    self.logged = logged
    self.seen = seen
    self.fields = fields
    self.assumed = assumed
    self.state = state
    self.recovery = recovery
    isSourceRight =
      switch logged.change.origin {
      case .repair: true
      case .replay: !link.isTwoWay || !Self.isNewer(assumed, than: logged.change)
      case .application, .tidemark, .decision: !link.isTwoWay
      }
    // Then whatever differs at the target is to be overwritten: as if both had agreed on what the target holds.
    let ancestor = isSourceRight ? assumed?.fields : recovery.base
    let here = SideState(fields: fields, changedAt: seen.changedAt)
    let there = SideState(fields: assumed?.fields, changedAt: assumed?.changedAt)
    verdict = reconcile(
      base: ancestor, local: direction == .push ? here : there, remote: direction == .push ? there : here,
      policy: policy, rulings: isSourceRight ? [] : rulings, doubtful: isSourceRight ? [] : recovery.doubtful)
  }

  /// What both sides are known to have shared.
  var base: JSONObject? { recovery.base }

  /// Whether a target may hold something newer than a change of the past: only its own clock can say that it does not.
  private static func isNewer(_ target: Target?, than change: Change) -> Bool {
    guard let target else { return false }
    return target.changedAt.map { $0 > change.committedAt } ?? true
  }

  /// What is to be done at the target.
  var action: SideAction {
    let action = direction == .push ? verdict.remote : verdict.local
    // A target that lost the record while the source kept it unchanged: its delete is on its way, or one way, undone.
    return action
  }

  /// The key the record had at the target before it was deleted there.
  var formerTargetKey: RecordKey? { state?[direction.target].key }

  /// The target's linked fields once the action is done as intended.
  var intended: JSONObject? {
    switch action {
    case .create(let fields): fields
    case .update(let changes): (assumed?.fields ?? [:]).merging(changes)
    case .nothing: assumed?.fields
    case .delete: nil
    }
  }

  /// Whether the local record holds its remote key in `column` already, as far as this delivery knows.
  func localHolds(_ remoteKey: RecordKey, in column: String) -> Bool {
    if direction == .push { return seen.object?[column] == remoteKey.values.first }
    if case .create = action { return true }
    return state?.remote.key == seen.key
  }

  /// What the log remembers. `after` is nil when nothing had to be written.
  func settled(after: After?) -> DeliveryResult.Settled {
    DeliveryResult.Settled(
      ending: ending(after), state: nextState(after), conflicts: conflicts + rewritings(after),
      shared: shared(held(after)),
      absorbed: fields != nil && held(after) != nil ? recovery.absorbed : [])
  }

  private func shared(_ there: JSONObject?) -> JSONObject {
    guard let there, let fields else { return [:] }
    return fields.filter { (there[$0] ?? .null) == fields[$0] }
  }

  private func ending(_ after: After?) -> Settlement.Ending {
    guard after != nil else { return .unchanged }
    guard !isSourceRight, let base, let assumed, assumed.isRead, assumed.fields != base else {
      return .delivered
    }
    return .merged
  }

  /// What the target holds in the end.
  private func held(_ after: After?) -> JSONObject? { after.map(\.fields) ?? assumed?.fields }

  private func nextState(_ after: After?) -> RecordState? {
    let targetKey = after?.applied.key ?? assumed?.key ?? formerTargetKey
    guard let targetKey else { return nil }
    let there = held(after)
    let next = nextBase(there, after)

    var source = RecordState.End(key: seen.key, version: seen.version, stamp: state?[direction.source].stamp)
    source.see(seen.stamp)
    var target = RecordState.End(key: targetKey, stamp: state?[direction.target].stamp)
    target.version = after.map(\.applied.version) ?? assumed?.version
    // A version stands for the base it went with: naming it for anything else would let a conditional write pass over
    // what the side really holds.
    if fields != next { source.version = state?[direction.source].version }
    if there != next { target.version = state?[direction.target].version }
    // What the target made of our write differs from what was meant: its echo is then a change like any other.
    let isAsIntended = after == nil || after?.fields == intended
    if isAsIntended { target.see(after?.applied.stamp ?? assumed?.stamp) }

    let isAgreed = fields == there
    let (local, remote) = direction == .push ? (source, target) : (target, source)
    return RecordState(
      local: local, remote: remote, base: next, isAgreed: isAgreed, gaveWay: gaveWay(there), sequence: logged.sequence)
  }

  /// A delete that met a change at the other side is remembered until that side has told its change.
  private func gaveWay(_ there: JSONObject?) -> Side? {
    guard link.isTwoWay, base != nil else { return nil }
    switch (fields, there) {
    case (nil, _?): return direction.source
    case (_?, nil): return state?.gaveWay
    default: return nil
    }
  }

  /// Whether the source's change, to which a delete of the target gave way, has turned out to be none: the delete holds after
  /// all, and is for the other direction to carry over.
  var isDeleteToBeToldAgain: Bool {
    state?.gaveWay == direction.target && assumed == nil
      && (direction == .push ? verdict.local : verdict.remote) == .delete
  }

  /// Gone at both sides is agreed too. Gone at one, the base stays until the other side's change says what becomes of it.
  /// A target that was given what both sides did holds what the source did: that is then the ancestor of both.
  private func nextBase(_ there: JSONObject?, _ after: After?) -> JSONObject? {
    switch (fields, there) {
    case (let fields?, let there?):
      agreed(base.map { ancestor($0) }, fields, there).merging(
        after == nil ? [:] : fields.filter { isDescendant($0, after) && fields[$0] != there[$0] })
    case (nil, nil): nil
    default: base
    }
  }

  /// Whether what the target holds now was made of what the source holds.
  private func isDescendant(_ field: String, _ after: After?) -> Bool {
    verdict.joined.contains(field) || rewritten(after).contains(field)
  }

  /// The fields of which the target made something else than it was sent: an automation of its own, a rounding, a default.
  private func rewritten(_ after: After?) -> [String] {
    let sent: JSONObject
    switch action {
    case .create(let fields), .update(let fields): sent = fields
    case .nothing, .delete: return []
    }
    guard let made = after?.fields else { return [] }
    return sent.members.filter { (made[$0.name] ?? .null) != $0.value }.map(\.name)
  }

  /// What the target rewrote is told like a conflict that it won: it travels back as a change of its own.
  private func rewritings(_ after: After?) -> [ConflictRecord] {
    guard link.isTwoWay, let after, let made = after.fields else { return [] }
    let names = rewritten(after).filter { name in !conflicts.contains { $0.field == name } }
    return names.map { name in
      let (sent, here) = (intended?[name], made[name] ?? .null)
      let (local, remote) = direction == .push ? (seen.key, after.applied.key) : (after.applied.key, seen.key)
      return ConflictRecord(
        link: link.name, direction: direction, sequence: logged.sequence, localKey: local.encoded,
        remoteKey: remote.encoded, kind: "rewritten", field: name, base: base?[name],
        local: direction == .push ? sent : here, remote: direction == .push ? here : sent, policy: "rewritten",
        decision: .side(direction.target), metAt: .now)
    }
  }

  /// What a decision that is taken back began with.
  private func ancestor(_ base: JSONObject) -> JSONObject {
    var ancestor = base
    for conflict in verdict.conflicts where conflict.order != nil {
      if let field = conflict.field { ancestor[field] = conflict.base }
    }
    return ancestor
  }

  private func agreed(_ base: JSONObject?, _ here: JSONObject, _ there: JSONObject) -> JSONObject {
    direction == .push
      ? Reconcile.agreed(base: base, local: here, remote: there)
      : Reconcile.agreed(base: base, local: there, remote: here)
  }

  /// A conflict is recorded by the direction that carries the winner over, so once; an undecided one by either.
  private var conflicts: [ConflictRecord] {
    guard link.isTwoWay else { return [] }
    return verdict.conflicts.filter { $0.decision != .side(direction.target) }.map { conflict in
      let (local, remote) = direction == .push ? (seen.key, assumed?.key) : (assumed?.key, seen.key)
      let (here, there) = (seen.changedAt, assumed?.changedAt)
      return ConflictRecord(
        link: link.name, direction: direction, sequence: logged.sequence,
        localKey: (local ?? state?.local.key)?.encoded ?? "", remoteKey: (remote ?? state?.remote.key)?.encoded ?? "",
        kind: conflict.kind.rawValue, field: conflict.field, base: conflict.base, local: conflict.local,
        remote: conflict.remote, policy: conflict.policy, decision: conflict.decision, metAt: .now,
        localAt: direction == .push ? here : there, remoteAt: direction == .push ? there : here, order: conflict.order,
        isDoubtful: conflict.isDoubtful)
    }
  }
}
