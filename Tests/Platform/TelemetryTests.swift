import Foundation
import Testing

@testable import Telemetry

@Suite struct TelemetryTests {
  /// One series of every metric, with values that are awkward to write.
  static func filled() -> Telemetry {
    let telemetry = Telemetry(version: "1.2.3")
    telemetry.captureLag(source: "shop").set(.milliseconds(1_500))
    telemetry.captureLagBytes(source: "shop").set(4_096)
    telemetry.changes(endpoint: "shop.customers", operation: "insert").increment(by: 3)
    telemetry.oldestTransaction(database: "shop").set(0.25)
    telemetry.outboxChanges(database: "shop").set(7)
    telemetry.replayLag(link: "customers", direction: "push").set(0)
    telemetry.pendingChanges(link: "customers", direction: "push").set(12)
    telemetry.endToEnd(link: "customers", direction: "push").observe(0.2)
    telemetry.deliveries(link: "customers", direction: "push", outcome: "applied").increment()
    telemetry.deliveryAttempt(link: "customers", direction: "push").observe(.milliseconds(30))
    telemetry.echoes(link: "customers", direction: "pull").increment()
    telemetry.conflicts(link: "customers", resolution: "newest").increment()
    telemetry.deadLetters(link: "cust\"omers\\\nnew").set(1)
    telemetry.waitingChanges(link: "customers").set(2)
    telemetry.backfillRows(link: "customers").increment(by: 1_000_000)
    telemetry.backfillRemainingRows(link: "customers").set(1e21)
    telemetry.stall(.replay, "customers", .rateLimited)
    return telemetry
  }

  @Test func everyMetricPassesPromtool() throws {
    let promtool = URL(filePath: "/usr/bin/promtool")
    guard FileManager.default.isExecutableFile(atPath: promtool.path) else { return }
    let process = Process()
    let (input, output) = (Pipe(), Pipe())
    process.executableURL = promtool
    process.arguments = ["check", "metrics"]
    process.standardInput = input
    process.standardOutput = output
    process.standardError = output
    try process.run()
    input.fileHandleForWriting.write(Data(Self.filled().exposition().utf8))
    try input.fileHandleForWriting.close()
    let findings = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(String(decoding: findings, as: UTF8.self))")
  }

  @Test func bucketsAreCumulativeAndEndWithTheInfiniteOne() {
    let telemetry = Telemetry(version: "1")
    let histogram = telemetry.endToEnd(link: "customers", direction: "push")
    for seconds in [0.001, 0.2, 0.2, 9_000] { histogram.observe(seconds) }
    histogram.observe(.nan)
    let lines = telemetry.exposition().split(separator: "\n")
      .filter { $0.hasPrefix("tidemark_end_to_end_seconds") }
    let labels = "link=\"customers\",direction=\"push\""
    #expect(lines.contains("tidemark_end_to_end_seconds_bucket{\(labels),le=\"0.005\"} 1"))
    #expect(lines.contains("tidemark_end_to_end_seconds_bucket{\(labels),le=\"0.25\"} 3"))
    #expect(lines.contains("tidemark_end_to_end_seconds_bucket{\(labels),le=\"3600\"} 3"))
    #expect(lines.contains("tidemark_end_to_end_seconds_bucket{\(labels),le=\"+Inf\"} 4"))
    #expect(lines.contains("tidemark_end_to_end_seconds_count{\(labels)} 4"))
    #expect(histogram.count == 4)
  }

  @Test func aLabelThatHoldsDataCannotFillTheMemory() {
    let telemetry = Telemetry(version: "1")
    for number in 0..<5_000 { telemetry.deadLetters(link: number).set(1) }
    telemetry.waitingChanges(link: String(repeating: "x", count: 10_000)).set(1)
    let text = telemetry.exposition()
    #expect(text.split(separator: "\n").filter { $0.hasPrefix("tidemark_dead_letters{") }.count == 1_001)
    #expect(text.contains("tidemark_dead_letters{link=\"other\"} 1\n"))
    #expect(text.split(separator: "\n").allSatisfy { $0.utf8.count < 400 })
  }

  @Test func labelValuesAreEscaped() {
    let text = Self.filled().exposition()
    #expect(text.contains(#"tidemark_dead_letters{link="cust\"omers\\\nnew"} 1"#))
  }

  @Test func countersNeverFallAndCountFromEveryThread() async {
    let counter = Telemetry(version: "1").backfillRows(link: "customers")
    counter.increment(by: -5)
    await withTaskGroup { group in
      for _ in 0..<8 {
        group.addTask { for _ in 0..<1_000 { counter.increment() } }
      }
    }
    #expect(counter.value == 8_000)
  }

  @Test func aStallHasOneReasonKeepsItsBeginningAndEnds() throws {
    let telemetry = Telemetry(version: "1")
    telemetry.stall(.replay, "orders", .unreachable, detail: "connection refused")
    let first = try #require(telemetry.stalls.first)
    telemetry.stall(.replay, "orders", .unreachable)
    #expect(telemetry.stalls.map(\.sinceMicroseconds) == [first.sinceMicroseconds])
    telemetry.stall(.replay, "orders", .unauthorized)
    telemetry.stall(.capture, "shop", .notAttached)
    #expect(telemetry.stalls.map(\.reason) == [.notAttached, .unauthorized])
    let text = telemetry.exposition()
    #expect(text.contains(#"tidemark_stalled{stage="replay",name="orders",reason="unauthorized"} 1"#))
    #expect(text.contains(#"tidemark_stalled{stage="replay",name="orders",reason="unreachable"} 0"#))
    telemetry.clear(.replay, "orders")
    telemetry.clear(.capture, "shop")
    #expect(telemetry.stalls.isEmpty)
    #expect(
      !telemetry.exposition().split(separator: "\n").contains { $0.hasPrefix("tidemark_stalled") && $0.hasSuffix("1") })
  }

  @Test func processNumbersAreReadPastAnOddProgramName() throws {
    let stat = "12 (a ) b) S 1 1 1 0 -1 4 0 0 0 0 250 150 0 0 20 0 3 0 1000 99 300 184"
    let usage = try #require(
      ProcessUsage(stat: stat, bootTime: 5_000, openDescriptors: 9, ticksPerSecond: 100, pageSize: 4_096))
    #expect(usage.cpuSeconds == 4)
    #expect(usage.residentBytes == 300 * 4_096)
    #expect(usage.startTime == 5_010)
    #expect(Telemetry(version: "1").exposition().contains("\nprocess_open_fds "))
  }
}
