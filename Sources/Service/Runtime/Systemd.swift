import Glibc
import Log
import ServiceLifecycle

/// Tells systemd how the service is, by its datagrams (sd_notify(3)). Without one nothing is told.
package struct Systemd: Sendable {
  private let address: String?
  /// How often it wants to hear that the service works; nil: never.
  private let watchdog: Duration?

  package init(environment: [String: String]) {
    address = environment["NOTIFY_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
    watchdog = environment["WATCHDOG_USEC"].flatMap(Int.init).map { .microseconds($0) }
  }

  func isReady() { tell("READY=1") }

  func isReloading() {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    tell("RELOADING=1\nMONOTONIC_USEC=\(now.tv_sec * 1_000_000 + now.tv_nsec / 1_000)")
  }

  /// Says that the service works for as long as it does: each time after a look into the log, so that one whose threads or
  /// disk hang is silent.
  func heartbeat(_ log: ChangeLog) -> any Service { Heartbeat(systemd: self, log: log) }

  private struct Heartbeat: Service {
    let systemd: Systemd
    let log: ChangeLog

    func run() async throws {
      let every = (systemd.watchdog ?? .seconds(3_600)) / 2
      while !Task.isCancelled, !Task.isShuttingDownGracefully {
        _ = try? await log.end()
        if systemd.watchdog != nil { systemd.tell("WATCHDOG=1") }
        try? await cancelWhenGracefulShutdown { try await Task.sleep(for: every) }
      }
      systemd.tell("STOPPING=1")
    }
  }

  private func tell(_ state: String) {
    guard let address else { return }
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    // A name that begins with @ is in the abstract namespace: its first byte is zero.
    var bytes = Array(address.utf8)
    if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
    guard bytes.count < MemoryLayout.size(ofValue: name.sun_path) else { return }
    withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: bytes) }
    let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
    withUnsafePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { destination in
        _ = Array(state.utf8).withUnsafeBytes {
          sendto(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL), destination, length)
        }
      }
    }
  }
}
