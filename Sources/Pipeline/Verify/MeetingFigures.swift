package import Changes
package import Log

/// What a first look at both sides of a link found. Holds keys and names of fields, no values.
package struct MeetingFigures: Hashable, Sendable {
  /// What one side holds.
  package struct Holding: Hashable, Sendable {
    package var records: Int64 = 0
    /// Records that the link brought together before: not looked at again.
    package var linked: Int64 = 0
    /// Records without a counterpart at the other side.
    package var alone: Int64 = 0
    /// Of those, records without a value in the link's key: they pair up with nothing.
    package var withoutKey: Int64 = 0
    /// Records that share their key with others of their side, or with one whose counterpart is another.
    package var ambiguous: Int64 = 0
    /// Records that the merge makes here, and those that it changes here.
    package var toBeMade: Int64 = 0
    package var toBeChanged: Int64 = 0
  }

  /// Records that cannot be told apart by the link's key. Of many, the first few.
  package struct Ambiguity: Hashable, Sendable {
    package var local: [RecordKey]
    package var remote: [RecordKey]

    package init(local: [RecordKey], remote: [RecordKey]) {
      self.local = local
      self.remote = remote
    }
  }

  /// More are counted and not named.
  package static let mostNamed = 10

  package var local = Holding()
  package var remote = Holding()
  package var pairs: Int64 = 0
  /// Of the pairs.
  package var differing: Int64 = 0
  /// By field: in how many pairs it differs.
  package var fields: [String: Int64] = [:]
  /// Pairs in which a side holds what cannot be told in the link's terms.
  package var incomparable: Int64 = 0
  /// Pairs that refer to records of other links which have not met yet: those fields are not compared.
  package var unresolved: Int64 = 0
  /// Pairs in which the policy leaves a conflict to a person.
  package var undecided: Int64 = 0
  package var differences: [RecordPair] = []
  package var ambiguities: [Ambiguity] = []

  package subscript(side: Side) -> Holding {
    get { side == .local ? local : remote }
    set { if side == .local { local = newValue } else { remote = newValue } }
  }

  package var ambiguous: Int64 { local.ambiguous + remote.ambiguous }

  /// Whether bringing the sides together writes something, or leaves something to a person.
  package var isWork: Bool {
    differing + incomparable + unresolved + ambiguous + local.toBeMade + remote.toBeMade > 0
  }

  /// Why somebody has to say that this is meant, with the figures; nil: nothing looks wrong.
  ///
  /// A wrong address, an empty table or a wrong key look just like that, and would fill a side with what it has already.
  package func doubt(local localName: EndpointName, remote remoteName: EndpointName) -> String? {
    let made = local.toBeMade + remote.toBeMade
    guard made > 0, local.linked + remote.linked == 0 else { return nil }
    for (side, name, other) in [(local, localName, remote), (remote, remoteName, local)]
    where side.records == 0 && other.records > 0 {
      return "\(name) is empty: \(side.toBeMade) records would be made there"
    }
    guard pairs == 0 else { return nil }
    return
      "none of the \(local.records) records of \(localName) and the \(remote.records) of \(remoteName) pair up:"
      + " \(made) would be made anew"
  }
}
