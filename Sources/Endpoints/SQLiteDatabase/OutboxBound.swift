import Changes

/// What the outbox may hold, as the triggers can tell: how many changes, and how old its oldest one. Kept in
/// `_tidemark_context`, so that another bound does not need other triggers.
struct OutboxBound: Hashable, Sendable {
  /// Nil: as many as there are.
  var mostChanges: Int64?
  /// In milliseconds; nil: however old.
  var mostAge: Int64?

  init(mostChanges: Int64? = nil, mostAge: Int64? = nil) {
    self.mostChanges = mostChanges
    self.mostAge = mostAge
  }

  init(_ budget: Budget?) {
    mostChanges = budget?.bytes.map { max(1, $0 / Budget.bytesOfChange) }
    mostAge = budget?.age.map { $0.components.seconds * 1000 }
  }

  var isUnbounded: Bool { self == OutboxBound() }
}
