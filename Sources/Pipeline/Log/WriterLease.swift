import Glibc

/// The right to write a log, held by one process at a time.
///
/// The kernel keeps it (`flock` on a file beside the log) and takes it back when the process ends in whatever way, so
/// there is no time to wait after a crash and no clock to trust.
final class WriterLease: Sendable {
  private let descriptor: Int32

  /// - Throws: `LogError.inUse` with the process that holds the lease.
  init(log path: String) throws(LogError) {
    let leasePath = path + ".lease"
    descriptor = open(leasePath, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else {
      throw .commitFailed("\(leasePath): \(String(cString: strerror(errno)))")
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      // The descriptor is closed by `deinit`, which runs for an initializer that throws this late too.
      let holder = Self.contents(descriptor)
      throw .inUse(path: path, holder: holder.isEmpty ? "another process" : holder)
    }
    let holder = Array("process \(getpid())".utf8)
    _ = ftruncate(descriptor, 0)
    _ = pwrite(descriptor, holder, holder.count, 0)
  }

  /// The process that writes the log at `path` right now; nil if none does.
  static func holder(log path: String) -> String? {
    let descriptor = open(path + ".lease", O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    return flock(descriptor, LOCK_SH | LOCK_NB) == 0 ? nil : contents(descriptor)
  }

  private static func contents(_ descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }

  deinit { close(descriptor) }
}
