package import Changes
package import JSON

/// One side of a record when a decision is made.
package struct SideState: Hashable, Sendable {
  /// The linked fields in canonical form; nil: the record does not exist. A linked field that is missing is null.
  package var fields: JSONObject?
  /// When the side last changed the record, by its own clock; nil where nobody knows.
  package var changedAt: Timestamp?

  package init(fields: JSONObject?, changedAt: Timestamp? = nil) {
    self.fields = fields
    self.changedAt = changedAt
  }
}

/// What is to be done at one side.
package enum SideAction: Hashable, Sendable {
  case nothing
  case create(JSONObject)
  /// Only the fields to be changed.
  case update(JSONObject)
  case delete
}

/// What both sides should hold, what that takes, and what stood in the way.
package struct Verdict: Hashable, Sendable {
  package var local: SideAction
  package var remote: SideAction
  package var conflicts: [FieldConflict]

  package init(local: SideAction = .nothing, remote: SideAction = .nothing, conflicts: [FieldConflict] = []) {
    self.local = local
    self.remote = remote
    self.conflicts = conflicts
  }

  /// The fields of which both sides take a value that neither held. Once one side has it, what the other one held is in it:
  /// that is then the ancestor of both.
  package var joined: [String] {
    conflicts.compactMap { conflict in
      if case .value? = conflict.decision { conflict.field } else { nil }
    }
  }
}

/// Both sides changed the same field to different values since the base.
package struct FieldConflict: Hashable, Sendable {
  package enum Kind: String, Sendable {
    case update = "update/update"
    case create = "create/create"
    /// Updated locally, deleted remotely.
    case updateDelete = "update/delete"
    /// Deleted locally, updated remotely.
    case deleteUpdate = "delete/update"
  }

  /// The policy's name where a person decided.
  package static let byPerson = "decided"

  package var kind: Kind
  /// Nil when the whole record is meant.
  package var field: String?
  package var base: JSONValue?
  package var local: JSONValue?
  package var remote: JSONValue?
  /// Nil: undecided. Neither side is written for the field.
  package var decision: Decision?
  /// The policy that decided, as `FieldPolicy.name` and `DeletePolicy` call it.
  package var policy: String
  /// What is to be remembered with a conflict that stays open because a person said so.
  package var order: Ruling.Order?
  /// It stays open since a write may have happened or not; whatever the sides come to hold, a person has to look.
  package var isDoubtful = false
}
