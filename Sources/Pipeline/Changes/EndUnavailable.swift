/// Thrown by the reads of an end that cannot be used for now: it is unreachable, refuses everyone, or asks for patience.
///
/// The difference matters to who asked: a `Failure` thrown by a read is about what was read and gives a record up, this
/// error gives up nothing and is tried again.
package struct EndUnavailable: Error, Hashable, Sendable, CustomStringConvertible {
  package let failure: Failure
  /// What the end asked to be left alone for.
  package let after: Duration?

  package init(_ failure: Failure, after: Duration? = nil) {
    self.failure = failure
    self.after = after
  }

  package var description: String { failure.description }
}

extension Error {
  /// What a read that failed says by its code: of an end that cannot be used, or of what was read. Nil: neither.
  package var failure: Failure? { (self as? EndUnavailable)?.failure ?? self as? Failure }
}
