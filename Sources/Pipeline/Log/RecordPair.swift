package import Changes

/// A record by the keys that both sides of a link know it by; nil where a side has no key for it.
package struct RecordPair: Hashable, Sendable {
  package let local: RecordKey?
  package let remote: RecordKey?

  package init(local: RecordKey?, remote: RecordKey?) {
    self.local = local
    self.remote = remote
  }

  package subscript(side: Side) -> RecordKey? { side == .local ? local : remote }

  /// The pair in which a side's key stands alone.
  package init(_ side: Side, _ key: RecordKey) {
    self.init(local: side == .local ? key : nil, remote: side == .remote ? key : nil)
  }
}
