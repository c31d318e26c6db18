import Capture
import Changes
import JSON
import Log
import Logging
import Mapping
import Reconcile
import Replay
import ServiceLifecycle
import Support
import Telemetry
import Testing
import Verify

/// One link between two endpoints in memory, with everything between them real.
struct MemoryLink {
  let folder = ScratchFolder()
  let local = MemoryEndpoint(EndpointName(system: "shop", name: "customers"), makesKeys: false)
  let remote = MemoryEndpoint(EndpointName(system: "crm", name: "contacts"), makesKeys: true)
  let log: ChangeLog
  let link: Link

  init(
    target: (any ChangeTarget)? = nil, policy: ConflictPolicy = ConflictPolicy(default: .side(.local)),
    isTwoWay: Bool = true
  )
    async throws
  {
    log = try await ChangeLog(path: folder.file("log.db"), access: .writer)
    link = Link(
      name: LinkName("customers"),
      local: .init(name: EndpointName(system: "shop", name: "customers"), target: local),
      remote: .init(name: EndpointName(system: "crm", name: "contacts"), target: target ?? remote),
      mapping: FieldMapping([
        MappedField(local: "name", remote: "full_name"), MappedField(local: "email", remote: "email"),
        MappedField(local: "limit", remote: "terms.limit", conversion: .decimal),
      ]),
      match: ["email"], policy: policy, isTwoWay: isTwoWay, idColumn: nil)
  }

  func faulty(_ target: any ChangeTarget) -> Link {
    Link(
      name: link.name, local: link.local, remote: .init(name: link.remote.name, target: target), mapping: link.mapping,
      match: link.match, policy: link.policy, isTwoWay: link.isTwoWay, idColumn: nil)
  }

  /// Runs the whole pipeline while `body` runs, and until `isQuiet` afterwards.
  func running(_ link: Link? = nil, _ body: @escaping @Sendable () async throws -> Void) async throws {
    let link = link ?? self.link
    let telemetry = Telemetry(version: "test")
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let locks = RecordLocks()
    var retry = RetryPolicy()
    retry.firstPause = .milliseconds(2)
    let (policy, quietLogger) = (retry, logger)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for source in [local, remote] {
        group.addTask {
          try await CaptureLoop(source, into: log, telemetry: telemetry, logger: quietLogger) { _ in }.run()
        }
      }
      for direction in Direction.allCases {
        group.addTask {
          try await ReplayLoop(
            link, direction, log: log, locks: locks, lanes: 4, retry: policy, telemetry: telemetry, logger: quietLogger
          ).run()
        }
      }
      try await body()
      try await quiesce()
      group.cancelAll()
    }
  }

  /// Nothing is pending or waiting, nothing new arrives: looked at until it stays so.
  private func quiesce() async throws {
    var stable = 0
    var last: [LogSequence] = []
    let deadline = ContinuousClock.now + .seconds(30)
    while stable < 3 {
      guard ContinuousClock.now < deadline else { throw Restless(report: try await restlessness()) }
      var isQuiet = true
      var marks = [try await log.figures().last]
      for direction in Direction.allCases {
        let figures = try await log.figures(of: link.name, direction, endpoint: link[direction.source].name)
        isQuiet = isQuiet && figures.pending == 0 && figures.waiting == 0
        marks.append(figures.watermark)
      }
      stable = isQuiet && marks == last ? stable + 1 : 0
      last = marks
      try await ContinuousClock().sleep(for: .milliseconds(20))
    }
  }

  /// What never came to rest, for the person who reads the failure.
  struct Restless: Error { let report: String }

  private func restlessness() async throws -> String {
    var lines: [String] = []
    for direction in Direction.allCases {
      let figures = try await log.figures(of: link.name, direction, endpoint: link[direction.source].name)
      lines.append("\(direction): \(figures)")
      for waiting in try await log.waiting(of: link.name, direction, limit: 5) { lines.append("  \(waiting)") }
    }
    return lines.joined(separator: "\n")
  }

  var differences: [Difference] {
    get async throws { try await Verification(link, log: log).run(patience: .zero).differences }
  }
}

@Suite("Replay", .timeLimit(.minutes(2)))
struct ReplayTests {
  @Test("brings a change to the other side and knows its echo, both ways")
  func bothWays() async throws {
    let ends = try await MemoryLink()
    try await ends.running {
      await ends.local.put(RecordKey(1), ["id": 1, "name": "Ada", "email": "a@x", "limit": 10])
      await ends.remote.put(
        RecordKey("c9"), ["id": "c9", "full_name": "Bob", "email": "b@x", "terms": ["limit": "5.50"]])
    }
    #expect(try await ends.differences == [])
    let remote = await ends.remote.contents
    #expect(remote.count == 2)
    #expect(remote.values.contains { $0["full_name"] == "Ada" && JSONValue.object($0).at("terms.limit") == 10 })
    let local = await ends.local.contents
    #expect(local.count == 2)
    #expect(await ends.local.journal.count == 1)
    #expect(await ends.remote.journal.count == 1)
  }

  @Test("merges what both sides changed in different fields")
  func merge() async throws {
    let ends = try await MemoryLink()
    try await ends.running { await ends.local.put(RecordKey(1), ["id": 1, "name": "Ada", "email": "a@x", "limit": 1]) }
    let key = try #require(await ends.remote.contents.keys.first)
    await ends.local.put(RecordKey(1), ["name": "Ada L."])
    await ends.remote.put(key, ["terms": ["limit": 99]])
    try await ends.running {}
    #expect(try await ends.differences == [])
    #expect(await ends.local.contents[RecordKey(1)]?["limit"] == 99)
    #expect(await ends.remote.contents[key]?["full_name"] == "Ada L.")
    #expect(try await ends.log.conflicts(openOnly: false, limit: 10).isEmpty)
  }

  @Test("settles a true conflict by the policy and lists it once", arguments: [Side.local, .remote])
  func conflict(winner: Side) async throws {
    let ends = try await MemoryLink(policy: ConflictPolicy(default: .side(winner)))
    try await ends.running { await ends.local.put(RecordKey(1), ["id": 1, "name": "Ada", "email": "a@x", "limit": 1]) }
    let key = try #require(await ends.remote.contents.keys.first)
    await ends.local.put(RecordKey(1), ["limit": 2])
    await ends.remote.put(key, ["terms": ["limit": 3]])
    try await ends.running {}
    #expect(try await ends.differences == [])
    #expect(await ends.local.contents[RecordKey(1)]?["limit"] == (winner == .local ? 2 : 3))
    let conflicts = try await ends.log.conflicts(openOnly: false, limit: 10)
    #expect(conflicts.map(\.field) == ["limit"])
    #expect(conflicts.map(\.winner) == [winner])
  }

  @Test("Invariant 4: a fault at any step, before or after the work, leaves one record and equal sides")
  func everyFault() async throws {
    for step in 1... {
      let ends = try await MemoryLink()
      let target = FaultyTarget(ends.remote, failingAtStep: step)
      try await ends.running(ends.faulty(target)) {
        await ends.local.put(RecordKey(1), ["id": 1, "name": "Ada", "email": "a@x", "limit": 1])
        await ends.local.put(RecordKey(1), ["name": "Ada L."])
        await ends.local.put(RecordKey(2), ["id": 2, "name": "Bob", "email": "b@x", "limit": 1])
        await ends.local.remove(RecordKey(2))
      }
      #expect(try await ends.differences == [], "step \(step)")
      #expect(await ends.remote.contents.count == 1, "step \(step)")
      let creates = await ends.remote.journal.filter { $0.action == .create }
      #expect(creates.count <= 2, "step \(step)")
      guard target.hasFailed else { return }
    }
  }

  @Test("brings a record back that one side deleted and the other changed")
  func deleteAgainstUpdate() async throws {
    let ends = try await MemoryLink()
    try await ends.running { await ends.local.put(RecordKey(1), ["id": 1, "name": "Ada", "email": "a@x", "limit": 1]) }
    let key = try #require(await ends.remote.contents.keys.first)
    await ends.local.remove(RecordKey(1))
    await ends.remote.put(key, ["full_name": "Ada L."])
    try await ends.running {}
    #expect(try await ends.differences == [])
    #expect(await ends.local.contents.count == 1)
    #expect(await ends.remote.contents[key]?["full_name"] == "Ada L.")
  }
}
