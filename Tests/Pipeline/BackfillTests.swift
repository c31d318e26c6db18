import Changes
import JSON
import Log
import Reconcile
import Replay
import Support
import Testing

@Suite("Backfill", .timeLimit(.minutes(2)))
struct BackfillTests {
  @Test("Invariant 8: backfills beside live changes never take a record back to an older state", arguments: 0..<8)
  func newerStateStays(round: Int) async throws {
    let seed = UInt64.random(in: 0 ... .max)
    let ends = try await MemoryLink(policy: ConflictPolicy(default: .side(.local)))
    let records = 30
    for number in 1...records { await Self.write(ends, number, version: 0) }
    try await ends.running {
      var numbers = SeededNumbers(state: seed)
      for version in 1...300 {
        await Self.write(ends, Int.random(in: 1...records, using: &numbers), version: version)
        if version % 60 == 0 { try await ends.log.requestBackfill(of: ends.link.name, .local, reason: "test") }
        await Task.yield()
      }
    }
    #expect(try await ends.differences == [], "seed \(seed)")
    var seen: [RecordKey: Int64] = [:]
    for entry in await ends.remote.journal {
      guard let version = entry.fields["full_name"]?.integerValue else { continue }
      #expect(version >= seen[entry.key] ?? 0, "seed \(seed): \(entry.key) went back to \(version)")
      seen[entry.key] = version
    }
    #expect(seen.count == records)
  }

  @Test("after a gap, records that nobody saw deleted are deleted at the other side, but no unusual number of them")
  func goneRecords() async throws {
    let ends = try await MemoryLink(policy: ConflictPolicy(default: .side(.local)))
    try await ends.running { for number in 1...300 { await Self.write(ends, number, version: 0) } }
    #expect(await ends.remote.contents.count == 300)
    let options = BackfillOptions(findsGone: true)
    for number in 1...50 { await ends.local.removeUnseen(RecordKey(.integer(number))) }
    try await ends.running {
      try await ends.log.requestBackfill(of: ends.link.name, .local, reason: "gap", options: options)
    }
    #expect(await ends.remote.contents.count == 250)
    #expect(try await ends.differences == [])

    for number in 51...200 { await ends.local.removeUnseen(RecordKey(.integer(number))) }
    try await ends.running {
      try await ends.log.requestBackfill(of: ends.link.name, .local, reason: "gap", options: options)
    }
    let last = try #require(try await ends.log.backfills(of: ends.link.name).last)
    #expect(last.state == .failed && last.failure?.contains("150 of 250 records") == true, "\(last)")
    #expect(await ends.remote.contents.count == 250)
  }

  private static func write(_ ends: MemoryLink, _ number: Int, version: Int) async {
    await ends.local.put(
      RecordKey(.integer(number)),
      ["id": .integer(number), "name": .integer(version), "email": .string("\(number)@x"), "limit": 0])
  }
}
