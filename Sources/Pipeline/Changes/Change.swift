/// What happened to a record.
package enum Operation: UInt8, Sendable, CaseIterable, CustomStringConvertible {
  case insert = 1
  case update = 2
  case delete = 3
  case truncate = 4
  /// A row read by a backfill: the state of a record, not an event.
  case read = 5

  /// The word in metrics and listings.
  package var description: String {
    switch self {
    case .insert: "insert"
    case .update: "update"
    case .delete: "delete"
    case .truncate: "truncate"
    case .read: "read"
    }
  }
}

/// Who made a change.
package enum Origin: UInt8, Sendable {
  case application = 0
  /// Tidemark itself, applying a link: an *echo* when it comes back.
  case tidemark = 1
  /// A person, who decided that what the source holds is to stand at the target, whatever the target holds.
  case repair = 2
  /// A person, who wants a logged change applied once more. A target that has it, or has something newer, keeps it.
  case replay = 3
  /// A person, who said something about a conflict of the record: both sides are looked at again.
  case decision = 4

  /// A person asked for it: what is known of the record is looked at again instead of trusted.
  package var isAsked: Bool { self == .repair || self == .replay || self == .decision }
}

/// One captured insert, update, delete, truncate or read.
package struct Change: Hashable, Sendable {
  package var operation: Operation
  package var endpoint: EndpointName
  /// The record's key after the change; the key before it for a delete; empty for a truncate.
  package var key: RecordKey
  /// The record after the change as one canonical JSON object (DESIGN, invariant 10); for a delete what is known
  /// of the record before it. May be empty for deletes and truncates.
  package var row: [UInt8]
  package var origin: Origin
  /// Orders the changes of one record at its source; see `Stamp`.
  package var stamp: Stamp
  /// The application's version of the record (an ETag), where it has one.
  package var version: String?
  /// When the change was committed, by the source's own clock; `.unknown` for a record that was only found so and does not
  /// tell itself when it changed last.
  package var committedAt: Timestamp

  package init(
    _ operation: Operation, of endpoint: EndpointName, key: RecordKey, row: [UInt8] = [],
    origin: Origin = .application, stamp: Stamp, version: String? = nil, committedAt: Timestamp
  ) {
    self.operation = operation
    self.endpoint = endpoint
    self.key = key
    self.row = row
    self.origin = origin
    self.stamp = stamp
    self.version = version
    self.committedAt = committedAt
  }

  /// Since when its target could have it; nil for one that is no measure of lag: its time is unknown, it was only found so, or
  /// it is only applied once more.
  package var lateSince: Timestamp? {
    origin == .replay || operation == .read || committedAt == .unknown ? nil : committedAt
  }
}

/// Changes in commit order that enter the log together with the position that covers them.
package struct ChangeBatch: Sendable {
  package var changes: [Change]
  /// Everything up to here is in this batch or in an earlier one.
  package var through: Position
  /// Set when the source had nothing more: everything committed before this instant is covered by `through`.
  package var completeAsOf: ContinuousClock.Instant?
  /// Tables whose changes the database did not keep, since its budget was reached: they have to be read again.
  package var letGo: Set<EndpointName> = []
  /// What is to be remembered of rows together with the changes; see `SeenRows`.
  package var seen: [SeenRow] = []

  package init(_ changes: [Change], through: Position, completeAsOf: ContinuousClock.Instant? = nil) {
    self.changes = changes
    self.through = through
    self.completeAsOf = completeAsOf
  }
}
