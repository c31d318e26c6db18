package import Changes
package import JSON

/// What a link knows of one record: local key ↔ remote key, the base, and what was last seen at each side.
package struct RecordState: Hashable, Sendable {
  /// The record as one side knows it.
  package struct End: Hashable, Sendable {
    package var key: RecordKey
    /// The version the side had when it held the base, where it has versions.
    package var version: String?
    /// The highest stamp seen of the record at this side.
    package var stamp: Stamp?

    package init(key: RecordKey, version: String? = nil, stamp: Stamp? = nil) {
      self.key = key
      self.version = version
      self.stamp = stamp
    }

    /// Remembers that the record was seen at `stamp`; earlier ones change nothing.
    package mutating func see(_ stamp: Stamp?) {
      guard let stamp else { return }
      self.stamp = max(self.stamp ?? stamp, stamp)
    }
  }

  package var local: End
  package var remote: End
  /// The linked fields both sides are known to share (DESIGN, invariant 6); nil once the record is deleted.
  package var base: JSONObject?
  /// Both sides held exactly the base: what comes back with the same version or stamp is an echo.
  package var isAgreed: Bool
  /// The side that deleted the record, where that gave way to a change of the other one.
  package var gaveWay: Side?
  package var sequence: LogSequence

  package init(local: End, remote: End, base: JSONObject?, isAgreed: Bool, gaveWay: Side? = nil, sequence: LogSequence)
  {
    self.local = local
    self.remote = remote
    self.base = base
    self.isAgreed = isAgreed
    self.gaveWay = gaveWay
    self.sequence = sequence
  }

  package subscript(side: Side) -> End {
    get { side == .local ? local : remote }
    set { if side == .local { local = newValue } else { remote = newValue } }
  }
}
