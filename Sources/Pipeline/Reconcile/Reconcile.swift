package import Changes
package import JSON

/// Decides what both sides of a record should hold: a three-way merge, field by field, with a policy for what both
/// changed. Pure: the same values give the same verdict, and swapping the sides swaps it.
///
/// - Parameters:
///   - base: the linked fields both sides are known to have shared. Nil, or a field missing in it: never agreed,
///     so a difference is nobody's change and a conflict (`create/create`).
///   - rulings: what people said about conflicts of the record. They go before the policy while both sides hold what was seen.
///   - doubtful: fields in which a write may have happened or not. Where a policy adds up what both sides did, such a field
///     stays open.
package func reconcile(
  base: JSONObject?, local: SideState, remote: SideState, policy: ConflictPolicy, rulings: [Ruling] = [],
  doubtful: Set<String> = []
) -> Verdict {
  switch (local.fields, remote.fields) {
  case (nil, nil): return Verdict()
  case (let here?, nil): return oneSided(.local, here, base, policy, rulings)
  case (nil, let there?): return oneSided(.remote, there, base, policy, rulings)
  case (let here?, let there?):
    var merge = Merge(
      base: base, local: local, remote: remote, policy: policy, rulings: rulings, doubtful: doubtful)
    merge.compare(here, there)
    return merge.verdict
  }
}

/// The next base: fields in which both sides are equal take that value, the others keep what was agreed before.
package func agreed(base: JSONObject?, local: JSONObject, remote: JSONObject) -> JSONObject {
  var next = JSONObject()
  for name in union(local, remote) {
    let (here, there) = (local[name] ?? .null, remote[name] ?? .null)
    next[name] = here == there ? here : base?[name]
  }
  return next
}

/// Only `side` has the record.
private func oneSided(
  _ side: Side, _ fields: JSONObject, _ base: JSONObject?, _ policy: ConflictPolicy, _ rulings: [Ruling]
) -> Verdict {
  guard let base else { return Verdict(side.opposite, .create(fields)) }
  guard changed(fields, since: base) else { return Verdict(side, .delete) }
  let record = JSONValue.object(fields)
  var conflict = FieldConflict(
    kind: side == .local ? .updateDelete : .deleteUpdate, field: nil, base: .object(base),
    local: side == .local ? record : JSONValue?.none, remote: side == .remote ? record : JSONValue?.none, decision: nil,
    policy: policy.delete.rawValue)
  switch policy.delete {
  case .updateWins: conflict.decision = .side(side)
  case .deleteWins: conflict.decision = .side(side.opposite)
  case .manual: break
  }
  if let ruling = rulings.first(where: { $0.field == nil && $0.local == conflict.local && $0.remote == conflict.remote }
  ),
    case .decide(.side(let winner))? = ruling.order
  {
    conflict.decision = .side(winner)
    conflict.policy = FieldConflict.byPerson
  }
  var verdict =
    switch conflict.decision {
    case .side(side)?: Verdict(side.opposite, .create(fields))
    case .side?: Verdict(side, .delete)
    case .value?, nil: Verdict()
    }
  verdict.conflicts = [conflict]
  return verdict
}

private func changed(_ fields: JSONObject, since base: JSONObject) -> Bool {
  union(fields, base).contains { (fields[$0] ?? .null) != (base[$0] ?? .null) }
}

private func union(_ a: JSONObject, _ b: JSONObject) -> [String] { a.names + b.names.filter { a[$0] == nil } }

extension Verdict {
  fileprivate init(_ side: Side, _ action: SideAction) {
    self.init(local: side == .local ? action : .nothing, remote: side == .remote ? action : .nothing)
  }
}
