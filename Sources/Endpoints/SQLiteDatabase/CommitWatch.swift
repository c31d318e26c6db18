import Blocking
import CLinux
import Glibc

/// Tells when another process may have committed: inotify on the directory of a database, since `-wal` and `-journal`
/// come and go (inotify(7)). Waits on a thread of its own, never on Swift's cooperative pool.
actor CommitWatch {
  private let executor = BlockingExecutor(label: "sqlite-watch")
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  private let files: Set<String>
  private nonisolated let events: Descriptor
  private nonisolated let wake: Descriptor

  /// Where the kernel gives no more watches, `wait` is a plain pause of its whole length.
  init(path: String) {
    let slash = path.lastIndex(of: "/")
    let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let file = slash.map { String(path[path.index(after: $0)...]) } ?? path
    files = [file, file + "-wal", file + "-journal"]
    events = Descriptor(inotify_init1(Int32(O_NONBLOCK | O_CLOEXEC)))
    wake = Descriptor(eventfd(0, Int32(O_NONBLOCK | O_CLOEXEC)))
    let mask = UInt32(IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM)
    _ = unsafe inotify_add_watch(events.number, directory, mask)
  }

  /// Returns when a file of the database changed since the last call, when the task is cancelled, or after
  /// `milliseconds`.
  /// - Returns: whether a file changed.
  func wait(milliseconds: Int32) async -> Bool {
    await withTaskCancellationHandler {
      poll(milliseconds)
    } onCancel: {
      wake.signal()
    }
  }

  private func poll(_ milliseconds: Int32) -> Bool {
    let deadline = ContinuousClock.now + .milliseconds(Int(milliseconds))
    while true {
      let left = (deadline - .now) / .milliseconds(1)
      var waits = [
        pollfd(fd: events.number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: wake.number, events: Int16(POLLIN), revents: 0),
      ]
      let ready = unsafe Glibc.poll(&waits, 2, Int32(max(0, left.rounded(.up))))
      if waits[1].revents != 0 {
        wake.drain()
        return false
      }
      if ready > 0, isAboutUs(events.read()) { return true }
      if ready == 0 || left <= 0 { return false }
    }
  }

  /// Records are a 16-byte head, whose last word is the length of the name that follows, padded with zeros.
  private func isAboutUs(_ bytes: [UInt8]) -> Bool {
    var offset = 0
    var isOurs = false
    while offset + 16 <= bytes.count {
      let length = bytes[(offset + 12)..<(offset + 16)].reversed().reduce(0) { $0 << 8 | Int($1) }
      let end = min(offset + 16 + length, bytes.count)
      let name = String(decoding: bytes[(offset + 16)..<end].prefix { $0 != 0 }, as: UTF8.self)
      // An overflow has no name: anything may have happened.
      if name.isEmpty || files.contains(name) { isOurs = true }
      offset += 16 + length
    }
    return isOurs
  }
}

/// Sole owner of a file descriptor.
private final class Descriptor: Sendable {
  let number: Int32

  init(_ number: Int32) { self.number = number }

  func signal() {
    var one: UInt64 = 1
    _ = unsafe write(number, &one, 8)
  }

  func drain() { _ = read() }

  /// Everything that waits, up to a few thousand events.
  func read() -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    let count = unsafe Glibc.read(number, &buffer, buffer.count)
    return count > 0 ? Array(buffer[..<count]) : []
  }

  deinit { if number >= 0 { close(number) } }
}
