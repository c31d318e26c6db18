package import Changes
package import JSON
package import Log

/// A record whose two sides are not equal although nothing of it is on its way.
package struct Difference: Hashable, Sendable {
  package enum Kind: String, Sendable {
    case missingLocally = "missing locally"
    case missingRemotely = "missing remotely"
    case differing
    /// A side holds what cannot be told in the other side's terms: a value without the declared form, or a reference to a
    /// record that is not linked.
    case incomparable
  }

  /// A linked field with what each side holds, in canonical form. Values may be personal data: shown only where asked for.
  package struct Field: Hashable, Sendable {
    package let name: String
    package let local: JSONValue
    package let remote: JSONValue
  }

  package let kind: Kind
  /// The keys the sides know the record by. A record that is missing at a side may have had a key there.
  package let record: RecordPair
  /// The linked fields that differ, in the link's order; empty where the record is missing at a side.
  package let fields: [Field]
  /// Why it is incomparable.
  package let reason: String?
  /// What the log knows about it.
  package var knowledge = RecordKnowledge()

  /// The side that has no such record.
  package var missing: Side? {
    switch kind {
    case .missingLocally: .local
    case .missingRemotely: .remote
    case .differing, .incomparable: nil
    }
  }
}
