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

  package var kind: Kind
  /// Nil when the whole record is meant.
  package var field: String?
  package var base: JSONValue?
  package var local: JSONValue?
  package var remote: JSONValue?
  /// Nil: undecided. Neither side is written for the field.
  package var winner: Side?
  /// The policy that decided, as the configuration names it.
  package var policy: String
}
