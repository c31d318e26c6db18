import Foundation
import Glibc
import HTTP
import Support
import Testing

extension SystemTests {
  /// What the commands promise to people and scripts.
  @Suite(.serialized) struct CommandTests {
    @Test(arguments: DatabaseKind.allCases)
    func `Invariant 9: detach leaves the schema as it was, and attaching twice is attaching once`(
      kind: DatabaseKind
    ) async throws {
      let scene = try await Scene(kind)
      let before = try await scene.shop.schema()

      let plan = try await scene.tidemark("attach", "--dry-run")
      #expect(
        plan.status == 0 && plan.output.contains(kind.capture == "wal" ? "CREATE PUBLICATION" : "CREATE TRIGGER"),
        "\(plan)")
      #expect(try await scene.shop.schema() == before)

      #expect(try await scene.tidemark("attach").status == 0)
      let attached = try await scene.shop.schema()
      #expect(attached != before)
      let again = try await scene.tidemark("attach")
      #expect(again.status == 0 && again.output.contains("attached already"), "\(again)")
      #expect(try await scene.shop.schema() == attached)
      #expect(try await scene.tidemark("attach", "--dry-run").output == "")

      let service = try await scene.run()
      try await scene.quiet()
      let refused = try await scene.tidemark("detach")
      #expect(refused.status == 75, "detached under a running service: \(refused)")
      service.signal(SIGTERM)
      #expect(await service.ending().status == 0)

      #expect(try await scene.tidemark("detach").status == 0)
      #expect(try await scene.shop.schema() == before)
      #expect(try await scene.tidemark("detach").output.contains("nothing was installed"))
    }

    @Test(arguments: DatabaseKind.allCases)
    func `A service that is not attached says so and ends with 78`(kind: DatabaseKind) async throws {
      let scene = try await Scene(kind)
      let ending = try await scene.tidemark("run")
      #expect(ending.status == 78)
      #expect(ending.errors.contains("tidemark attach"))
    }

    @Test func `A second service on the same log ends with 75 and names the first`() async throws {
      let scene = try await Scene(.sqlite)
      try await scene.tidemark("attach")
      let first = try await scene.run()
      let second = try await scene.tidemark("run")
      #expect(second.status == 75)
      #expect(second.errors.contains("\(first.processID)"), "\(second.errors)")
      #expect(first.isRunning)
      first.signal(SIGKILL)
      _ = await first.ending()
      // The lease of a process that is gone is nobody's.
      let third = try await scene.run()
      #expect(third.isRunning)
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func `A service that is asked to stop ends within ten seconds with 0, at work as well`(signal: Int32) async throws {
      let scene = try await Scene(.sqlite)
      try await scene.tidemark("attach")
      try await scene.crm.fault(#"{"fault": "slow", "ms": 20000, "probability": 1, "method": "POST"}"#)
      let service = try await scene.run()
      try await eventually("the service is at work") { scene.pending(try await scene.status()) > 0 }
      service.signal(signal)
      let asked = ContinuousClock.now
      let ending = await service.ending(within: .seconds(20))
      #expect(ending.status == 0, "\(ending.errors)")
      #expect(ContinuousClock.now - asked < .seconds(10))
    }

    @Test func `Without a configuration every command ends with 78 and says how to go on`() async throws {
      let folder = ScratchFolder()
      for command in ["check", "run", "status"] {
        let ending = try await Child([command], in: folder.path).ending()
        #expect(ending.status == 78, "\(command): \(ending)")
        #expect(ending.errors.contains("tidemark.yaml") && ending.errors.contains("--config"), "\(ending.errors)")
      }
    }

    @Test(arguments: [("chekc", "`tidemark check`?"), ("backfil", "`tidemark backfill`?"), ("frobnicate", "--help")])
    func `A mistyped command is told which one was meant, and ends with 64`(
      typed: String, told: String
    ) async throws {
      let folder = ScratchFolder()
      let ending = try await Child([typed], in: folder.path).ending()
      #expect(ending.status == 64 && ending.errors.contains(told), "\(ending)")
      #expect(ending.errors.contains("there is no command '\(typed)'"))
    }

    @Test func `An unknown key of the configuration ends every command with 78 and its place`() async throws {
      let scene = try await Scene(.sqlite)
      try scene.configure(extra: "retention: { days: 3 }")
      let text = try String(contentsOfFile: scene.folder.file("tidemark.yaml"), encoding: .utf8)
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
      let line = 1 + (lines.firstIndex { $0.hasPrefix("retention") } ?? 0)
      for command in ["check", "attach", "run", "status", "verify", "backfill", "dead-letters", "detach"] {
        let ending = try await scene.tidemark(command)
        #expect(ending.status == 78, "\(command): \(ending)")
        #expect(ending.errors.contains("tidemark.yaml:\(line):1"), "\(command): \(ending.errors)")
      }
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: promtool), "promtool is not installed"))
    func `The metrics of a service at work are what promtool calls clean`() async throws {
      let scene = try await Scene(.sqlite)
      try await scene.tidemark("attach")
      let service = try await scene.run()
      try await scene.quiet()
      let metrics = try await scene.get("/metrics")
      try Data(metrics.body).write(to: URL(fileURLWithPath: scene.folder.file("metrics")))
      let check = Process()
      check.executableURL = URL(fileURLWithPath: promtool)
      check.arguments = ["check", "metrics"]
      check.standardInput = FileHandle(forReadingAtPath: scene.folder.file("metrics"))
      let said = Pipe()
      check.standardError = said
      check.standardOutput = said
      try check.run()
      let text = String(decoding: said.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      check.waitUntilExit()
      #expect(check.terminationStatus == 0 && text.isEmpty, "\(text)")
      #expect(service.isRunning)
    }
  }
}

private let promtool = "/usr/bin/promtool"
