package import JSON

/// What a conflict came to.
package enum Decision: Hashable, Sendable {
  /// The other side takes what this one holds.
  case side(Side)
  /// Both take a value that neither holds: two increments added up, two sets joined, what somebody typed.
  case value(JSONValue)
}

/// What a person said, or has to say, about one conflict. An order holds only as long as both sides hold what the person saw: a side that moved on
/// opens the question again.
package struct Ruling: Hashable, Sendable {
  package enum Order: Hashable, Sendable {
    case decide(Decision)
    /// Takes a decision back: a side that holds `from`, what the decision gave it, gets again what it held before, and then the
    /// question stays open whatever the policy would say.
    case restore(from: JSONValue)
    /// Leaves both sides as they are, whatever the policy would say.
    case hold
  }

  /// Nil when the whole record is meant.
  package let field: String?
  /// What was seen; nil: no such value, or no record.
  package let base: JSONValue?
  package let local: JSONValue?
  package let remote: JSONValue?
  /// Nil: nothing yet.
  package let order: Order?
  /// A write to the field may have happened or not: see `reconcile`.
  package let isDoubtful: Bool

  package init(
    field: String?, base: JSONValue?, local: JSONValue?, remote: JSONValue?, order: Order?, isDoubtful: Bool = false
  ) {
    self.field = field
    self.base = base
    self.local = local
    self.remote = remote
    self.order = order
    self.isDoubtful = isDoubtful
  }
}
