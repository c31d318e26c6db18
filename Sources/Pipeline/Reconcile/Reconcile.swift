import Changes
package import JSON

/// Decides what both sides of a record should hold: a three-way merge, field by field, with a policy for what both
/// changed. Pure: the same values give the same verdict, and swapping the sides swaps it.
///
/// - Parameter base: the linked fields both sides are known to have shared. Nil, or a field missing in it: never agreed,
///   so a difference is nobody's change and a conflict (`create/create`).
package func reconcile(
  base: JSONObject?, local: SideState, remote: SideState, policy: ConflictPolicy
) -> Verdict {
  switch (local.fields, remote.fields) {
  case (nil, nil): Verdict()
  case (let here?, nil): oneSided(.local, here, base, policy)
  case (nil, let there?): oneSided(.remote, there, base, policy)
  case (let here?, let there?): merge(base, here, there, local, remote, policy)
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
private func oneSided(_ side: Side, _ fields: JSONObject, _ base: JSONObject?, _ policy: ConflictPolicy) -> Verdict {
  guard let base else { return Verdict(side.opposite, .create(fields)) }
  guard changed(fields, since: base) else { return Verdict(side, .delete) }
  let record = JSONValue.object(fields)
  let conflict = FieldConflict(
    kind: side == .local ? .updateDelete : .deleteUpdate, field: nil, base: .object(base),
    local: side == .local ? record : nil, remote: side == .remote ? record : nil,
    winner: policy.delete == .updateWins ? side : side.opposite, policy: policy.delete.rawValue)
  var verdict =
    policy.delete == .updateWins ? Verdict(side.opposite, .create(fields)) : Verdict(side, .delete)
  verdict.conflicts = [conflict]
  return verdict
}

private func merge(
  _ base: JSONObject?, _ here: JSONObject, _ there: JSONObject, _ local: SideState, _ remote: SideState,
  _ policy: ConflictPolicy
) -> Verdict {
  var toLocal = JSONObject()
  var toRemote = JSONObject()
  var conflicts: [FieldConflict] = []
  for name in union(here, there) {
    let (mine, theirs) = (here[name] ?? .null, there[name] ?? .null)
    guard mine != theirs else { continue }
    let winner: Side?
    switch base?[name] {
    case mine?: winner = .remote
    case theirs?: winner = .local
    case let shared:
      let uncertainty = policy.clockUncertainty
      let first =
        shared == nil ? policy.firstContact?.decision(mine, theirs, local, remote, uncertainty: uncertainty) : nil
      let rule = policy[name]
      winner = first.map(\.winner) ?? rule.winner(local, remote, uncertainty: uncertainty)
      conflicts.append(
        FieldConflict(
          kind: shared == nil ? .create : .update, field: name, base: shared, local: mine, remote: theirs,
          winner: winner, policy: first?.policy ?? rule.name))
    }
    switch winner {
    case .local: toRemote[name] = mine
    case .remote: toLocal[name] = theirs
    case nil: break
    }
  }
  return Verdict(
    local: toLocal.isEmpty ? .nothing : .update(toLocal), remote: toRemote.isEmpty ? .nothing : .update(toRemote),
    conflicts: conflicts)
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
