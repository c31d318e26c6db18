package import JSON

/// One record to be written at a target, in the target's own shape. Applying a write twice is applying it once.
package struct Write: Sendable {
  package enum Action: Sendable, Hashable {
    /// The record must not exist yet. The target may choose its key.
    case create
    /// Sets the given fields and leaves every other one alone.
    case update
    case delete
  }

  package var action: Action
  /// Nil only for a create whose key the target chooses.
  package var key: RecordKey?
  /// The fields to set; empty for a delete.
  package var fields: JSONObject
  /// What the decision assumed the target holds. A target refuses with `.mismatch` when it holds something else, and
  /// checks that in one step with the write. Nil means the write is unconditional.
  package var expected: Known?
  /// The same for every attempt of one decision about one change, different for any other.
  package var idempotencyKey: String

  package init(
    _ action: Action, key: RecordKey?, fields: JSONObject, expected: Known?, idempotencyKey: String
  ) {
    self.action = action
    self.key = key
    self.fields = fields
    self.expected = expected
    self.idempotencyKey = idempotencyKey
  }

  /// What is known of a record: its version, and the values of the linked fields.
  package struct Known: Sendable, Hashable {
    package var version: String?
    package var fields: JSONObject

    package init(version: String?, fields: JSONObject) {
      self.version = version
      self.fields = fields
    }
  }
}

/// How one write ended.
package enum Outcome: Sendable {
  case applied(Applied)
  /// Nothing was written: the record is not what the write expected. `nil`: it does not exist (any more).
  case mismatch(Record?)
  /// Nothing was written; this record may work later.
  case retry(Failure, after: Duration?)
  /// Nothing was written; the whole end cannot be reached or refuses everyone for now.
  case unavailable(Failure, after: Duration?)
  /// Nothing was written, and it never will be as it stands.
  case rejected(Failure)
  /// The answer was lost: the write may have happened. To be looked up before anything else.
  case unknown(Failure)

  package struct Applied: Sendable {
    /// The record's key, new for a create whose key the target chose.
    package var key: RecordKey
    package var version: String?
    /// The record after the write where the target told; nil if it did not (or after a delete).
    package var after: JSONObject?
    /// What the write left behind in the target's order; nil where the target's changes are not captured.
    package var stamp: Stamp?

    package init(key: RecordKey, version: String? = nil, after: JSONObject? = nil, stamp: Stamp? = nil) {
      self.key = key
      self.version = version
      self.after = after
      self.stamp = stamp
    }
  }
}

/// Why something did not work: for people and for `explain`. Never holds row values or secrets.
package struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
  /// Stable and short, for example `http.422`, `sql.23505`, `timeout`.
  package let code: String
  /// What happened, where, and what to do about it.
  package let message: String

  package init(code: String, message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { "\(message) (\(code))" }
}

extension Array<Write> {
  /// Has each write applied after the one before it. After the first that finds its end out of reach the rest are not tried.
  package func appliedInOrder(_ apply: (Write) async -> Outcome) async -> [Outcome] {
    var outcomes: [Outcome] = []
    for write in self {
      if case .unavailable(let failure, let after)? = outcomes.last {
        outcomes.append(.unavailable(failure, after: after))
      } else {
        outcomes.append(await apply(write))
      }
    }
    return outcomes
  }
}
