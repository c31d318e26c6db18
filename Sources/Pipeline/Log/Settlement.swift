package import Changes
package import JSON

/// How one change ended, with everything the log must remember of it in one transaction.
package struct Settlement: Sendable {
  /// What became of the change. The raw value is what metrics, `status` and the log say.
  package enum Ending: String, Sendable, CaseIterable {
    /// Written to the target.
    case delivered
    /// Written to the target after a three-way merge: both sides had changed the record.
    case merged
    /// Nothing to write: the target holds it already.
    case unchanged
    /// It was Tidemark's own write coming back.
    case echo
    /// It waits for its next attempt, or behind another change of its record.
    case waiting
    /// Given up; it is a dead letter.
    case dead
  }

  package var link: LinkName
  package var direction: Direction
  /// The record at the source.
  package var key: RecordKey
  package var sequence: LogSequence
  package var ending: Ending
  /// Everything up to here is settled for this link and direction, this change included.
  package var watermark: LogSequence
  package var state: RecordState?
  package var waiting: WaitingChange?
  package var deadLetter: DeadLetter?
  package var conflicts: [ConflictRecord] = []
  /// The linked fields in which both sides are equal now: their open conflicts are over, whoever ended them.
  package var shared: JSONObject = [:]
  /// Why the attempt that ended it so failed; nil where it did not.
  package var attempt: Failure?
  /// Interrupted writes of either direction that `state` accounts for: nothing needs to be remembered of them.
  package var absorbed: [Intent] = []

  package init(
    link: LinkName, direction: Direction, key: RecordKey, sequence: LogSequence, ending: Ending,
    watermark: LogSequence, state: RecordState? = nil
  ) {
    self.link = link
    self.direction = direction
    self.key = key
    self.sequence = sequence
    self.ending = ending
    self.watermark = watermark
    self.state = state
  }
}

/// A change that stays in the log until it can be delivered.
package struct WaitingChange: Hashable, Sendable {
  package var sequence: LogSequence
  package var key: RecordKey
  package var attempts: Int
  package var due: Timestamp
  /// The record that must be known first; nil when only time is waited for.
  package var waitsFor: RecordReference?
  package var failure: Failure
  package var since: Timestamp

  package init(
    sequence: LogSequence, key: RecordKey, attempts: Int, due: Timestamp, waitsFor: RecordReference?, failure: Failure,
    since: Timestamp
  ) {
    self.sequence = sequence
    self.key = key
    self.attempts = attempts
    self.due = due
    self.waitsFor = waitsFor
    self.failure = failure
    self.since = since
  }
}

/// A record of another link, named by the key it has at one side.
package struct RecordReference: Hashable, Sendable, CustomStringConvertible {
  package let link: LinkName
  package let side: Side
  package let key: RecordKey

  package init(link: LinkName, side: Side, key: RecordKey) {
    self.link = link
    self.side = side
    self.key = key
  }

  /// The inverse of `description`; nil if it is none. Link names hold no spaces.
  package init?(description: String) {
    let parts = description.split(separator: " ", maxSplits: 2)
    guard parts.count == 3, let side = Side.allCases.first(where: { "\($0)" == parts[1] }),
      let key = try? RecordKey(encoded: String(parts[2]))
    else { return nil }
    self.init(link: LinkName(String(parts[0])), side: side, key: key)
  }

  package var description: String { "\(link) \(side) \(key.encoded)" }
}

/// A change that delivery gave up on, kept whole.
package struct DeadLetter: Sendable, Hashable {
  package var id: Int64
  package var link: LinkName
  package var direction: Direction
  package var logged: LoggedChange?
  package var sequence: LogSequence
  package var key: String
  package var failure: Failure
  package var diedAt: Timestamp

  package init(
    id: Int64 = 0, link: LinkName, direction: Direction, logged: LoggedChange?, sequence: LogSequence, key: String,
    failure: Failure, diedAt: Timestamp
  ) {
    self.id = id
    self.link = link
    self.direction = direction
    self.logged = logged
    self.sequence = sequence
    self.key = key
    self.failure = failure
    self.diedAt = diedAt
  }
}

/// A conflict as it was met, and who won it.
package struct ConflictRecord: Sendable, Hashable {
  package var id: Int64
  package var link: LinkName
  package var direction: Direction
  package var sequence: LogSequence
  package var localKey: String
  package var remoteKey: String
  package var kind: String
  /// Nil when the whole record is meant.
  package var field: String?
  package var base: JSONValue?
  package var local: JSONValue?
  package var remote: JSONValue?
  package var policy: String
  /// Nil while nobody has decided.
  package var decision: Decision?
  package var metAt: Timestamp
  /// When the sides changed the record, by their own clocks; nil where nobody knew.
  package var localAt: Timestamp?
  package var remoteAt: Timestamp?
  /// What a person said, while it has not been carried out.
  package var order: Ruling.Order?
  /// A write to the field may have happened or not.
  package var isDoubtful: Bool

  package init(
    id: Int64 = 0, link: LinkName, direction: Direction, sequence: LogSequence, localKey: String, remoteKey: String,
    kind: String, field: String?, base: JSONValue?, local: JSONValue?, remote: JSONValue?, policy: String,
    decision: Decision?, metAt: Timestamp, localAt: Timestamp? = nil, remoteAt: Timestamp? = nil,
    order: Ruling.Order? = nil, isDoubtful: Bool = false
  ) {
    self.id = id
    self.link = link
    self.direction = direction
    self.sequence = sequence
    self.localKey = localKey
    self.remoteKey = remoteKey
    self.kind = kind
    self.field = field
    self.base = base
    self.local = local
    self.remote = remote
    self.policy = policy
    self.decision = decision
    self.metAt = metAt
    self.localAt = localAt
    self.remoteAt = remoteAt
    self.order = order
    self.isDoubtful = isDoubtful
  }
}
