import Glibc

/// A place in a source's own order. Only the source that made it can read it.
///
/// The epoch says in which life of the source the place is meant: after a failover or a restored copy, numbers
/// repeat and mean other rows, so a position of another epoch is never continued from.
package struct Position: Hashable, Sendable, CustomStringConvertible {
  package let epoch: String
  package let place: String

  package init(epoch: String, place: String) {
    self.epoch = epoch
    self.place = place
  }

  package var description: String { "\(epoch)/\(place)" }
}

/// A place in the log. Sequences start at 1 and only grow; 0 is before everything.
package struct LogSequence: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let number: Int64
  package init(_ number: Int64) { self.number = number }
  package static let start = LogSequence(0)
  package static func < (a: LogSequence, b: LogSequence) -> Bool { a.number < b.number }
  package var description: String { String(number) }
}

/// Orders what was seen of one record at one end.
///
/// A change's stamp grows with each change of the same record (a place in the WAL taken under the row's lock; for an API
/// the moment before the request that saw it). A record that is read carries a stamp taken *before* the read, a
/// write the stamp it left behind. So a change whose stamp is not above the one a record state remembers may be older
/// than what Tidemark already knows, and the record is read again instead of trusting the change's image.
/// That one rule makes late, repeated and backfilled changes safe.
package struct Stamp: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let number: Int64
  package init(_ number: Int64) { self.number = number }
  /// Of a row that may be outdated whatever is known of its record: the record is read again.
  package static let readAgain = Stamp(-1)
  package static func < (a: Stamp, b: Stamp) -> Bool { a.number < b.number }
  package var description: String { String(number) }
}

/// A moment on some system's wall clock, in microseconds since 1970-01-01T00:00:00Z.
package struct Timestamp: Hashable, Comparable, Sendable {
  package let microseconds: Int64
  package init(microseconds: Int64) { self.microseconds = microseconds }
  package static func < (a: Timestamp, b: Timestamp) -> Bool { a.microseconds < b.microseconds }

  /// Of a change that nobody knows the time of.
  package static let unknown = Timestamp(microseconds: 0)

  /// After every moment there is.
  package static let never = Timestamp(microseconds: .max)

  /// This machine's wall clock.
  package static var now: Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
  }

  package func advanced(by duration: Duration) -> Timestamp {
    let (seconds, attoseconds) = duration.components
    return Timestamp(microseconds: microseconds + seconds * 1_000_000 + attoseconds / 1_000_000_000_000)
  }

  /// Seconds from `earlier` to this moment; negative when the clocks disagree.
  package func seconds(since earlier: Timestamp) -> Double { Double(microseconds - earlier.microseconds) / 1e6 }
}
