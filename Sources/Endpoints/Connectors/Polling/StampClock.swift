import Changes
import Glibc
import Synchronization

/// Stamps for what is seen of an application: microseconds of our wall clock, never the same or smaller twice.
final class StampClock: Sendable {
  private let last = Mutex<Int64>(0)

  func now() -> Stamp {
    let wall = StampClock.wall()
    return Stamp(
      last.withLock { last in
        last = max(last + 1, wall)
        return last
      })
  }

  /// Microseconds since 1970.
  static func wall() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
  }
}
