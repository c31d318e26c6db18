import Foundation
import Glibc
import Support
import Testing

extension SystemTests {
  /// What a service manager hears.
  @Suite(.serialized) struct SystemdTests {
    /// The end of a service manager that services tell how they are.
    private final class NotifySocket: Sendable {
      let descriptor: Int32
      let path: String

      init(_ path: String) throws {
        self.path = path
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let bound = withUnsafePointer(to: &name) {
          $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
          }
        }
        guard bound == 0 else { throw NotReached(description: "no socket at \(path)") }
      }

      deinit { close(descriptor) }

      /// What came since the last time.
      func told() -> [String] {
        var told: [String] = []
        var bytes = [UInt8](repeating: 0, count: 4_096)
        while true {
          let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
          guard count > 0 else { return told }
          told.append(String(decoding: bytes[..<count], as: UTF8.self))
        }
      }
    }

    @Test func `A service manager hears when the service is ready, that it works, that it reloads and that it stops`()
      async throws
    {
      let scene = try await Scene(.sqlite)
      try await scene.tidemark("attach")
      let socket = try NotifySocket(scene.folder.file("notify"))
      let service = try Child(
        ["run", "--log-format", "json"], in: scene.folder.path,
        environment: ["CRM_TOKEN": "sandbox", "NOTIFY_SOCKET": socket.path, "WATCHDOG_USEC": "200000"])
      var told: [String] = []
      func hear(_ state: String, _ count: Int = 1) async throws {
        try await eventually("\(state) is told") {
          told += socket.told()
          return told.filter { $0.hasPrefix(state) }.count >= count
        }
      }
      try await hear("READY=1")
      try await hear("WATCHDOG=1", 3)
      service.signal(SIGHUP)
      try await hear("RELOADING=1\nMONOTONIC_USEC=")
      try await hear("READY=1", 2)
      #expect(service.errorText.contains(#""level":"notice""#), "\(service.errorText)")
      service.signal(SIGTERM)
      #expect(await service.ending().status == 0)
      try await hear("STOPPING=1")
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: analyze), "systemd is not installed"))
    func `The unit is one that systemd knows, and exposes little`() throws {
      let unit = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "operations/tidemark.service")
      let check = Process()
      check.executableURL = URL(fileURLWithPath: analyze)
      check.arguments = ["security", "--offline=true", "--threshold=20", "--no-pager", unit.path]
      check.standardOutput = FileHandle.nullDevice
      check.standardError = FileHandle.nullDevice
      try check.run()
      check.waitUntilExit()
      #expect(check.terminationStatus == 0, "its exposure is above 2.0")
    }

    @Test func `The alert rules and the dashboard ask for metrics that there are`() throws {
      let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
      let declared = try String(
        contentsOf: root.appending(path: "Sources/Platform/Telemetry/Telemetry+Metrics.swift"), encoding: .utf8)
      for file in ["alerts.yaml", "dashboard.json"] {
        let text = try String(contentsOf: root.appending(path: "operations/\(file)"), encoding: .utf8)
        let names = Set(text.matches(of: /tidemark_[a-z_]+/).map { $0.output.replacing("_bucket", with: "") })
        #expect(names.count > 8)
        for name in names { #expect(declared.contains("\"\(name)\""), "\(file) asks for \(name)") }
      }
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: promtool), "promtool is not installed"))
    func `The alert rules fire when they should and are silent when they should be`() throws {
      let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "operations")
      for arguments in [["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"]] {
        let check = Process()
        check.executableURL = URL(fileURLWithPath: promtool)
        check.arguments = arguments
        check.currentDirectoryURL = folder
        let said = Pipe()
        check.standardOutput = said
        check.standardError = said
        try check.run()
        let text = String(decoding: said.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        check.waitUntilExit()
        #expect(check.terminationStatus == 0, "\(text)")
      }
    }
  }
}

private let promtool = "/usr/bin/promtool"
private let analyze = "/usr/bin/systemd-analyze"
