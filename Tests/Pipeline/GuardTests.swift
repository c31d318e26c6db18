import Changes
import JSON
import Log
import Replay
import Support
import Testing

@Suite("Mass-change guard", .timeLimit(.minutes(2)))
struct GuardTests {
  private static func customer(_ number: Int) -> JSONObject {
    ["id": .integer(number), "name": .integer(number), "email": .string("\(number)@x"), "limit": 0]
  }

  /// Numbers of the customers that the application has.
  private static func numbers(_ ends: MemoryLink) async -> Set<Int> {
    Set(await ends.remote.contents.values.compactMap { $0["full_name"]?.integerValue.map { Int($0) } })
  }

  @Test(
    "Deletes beyond what is believed wait for somebody; what reappears keeps its record, the rest goes once approved")
  func deletes() async throws {
    let ends = try await MemoryLink(guards: [.push: GuardSettings(deletes: .count(2))])
    try await ends.running {
      for number in 1...8 { await ends.local.put(RecordKey(.integer(number)), Self.customer(number)) }
    }
    let log = ends.log
    try await ends.running {
      for number in 1...6 { await ends.local.remove(RecordKey(.integer(number))) }
      await ends.local.put(RecordKey(9), Self.customer(9))
      try await eventually("four deletes are held") { try await log.heldChanges().map(\.count) == [4] }
      try await eventually("others go on") { await Self.numbers(ends).contains(9) }
      #expect(await ends.remote.contents.count == 7)
      let held = try #require(await Self.numbers(ends).filter { $0 <= 6 }.min())
      let before = await ends.remote.contents.first { $0.value["full_name"] == .integer(held) }?.key

      await ends.local.put(RecordKey(.integer(held)), Self.customer(held))
      try await eventually("its delete is taken back") { try await log.heldChanges().map(\.count) == [3] }
      let after = await ends.remote.contents.first { $0.value["full_name"] == .integer(held) }?.key
      #expect(before != nil && before == after)

      #expect(try await log.approve(ends.link.name) == 3)
      try await eventually("the others are deleted") { await ends.remote.contents.count == 4 }
      #expect(await Self.numbers(ends) == [7, 8, 9, held])
    }
    #expect(try await ends.differences == [])
    // What was approved does not count against what comes later.
    try await ends.running { for number in 7...8 { await ends.local.remove(RecordKey(.integer(number))) } }
    #expect(await ends.remote.contents.count == 2)
  }

  @Test("What is held stays held over a restart, and overwrites can be limited too")
  func overwrites() async throws {
    let counted = GuardSettings(deletes: .share(0.2), overwrites: .share(0.5))
    #expect(counted.most(.delete, of: 100) == 100 && counted.most(.delete, of: 1_000) == 200)
    #expect(counted.most(.update, of: 1_000) == 500 && counted.most(.create, of: 1_000) == nil)
    #expect(GuardSettings(deletes: .share(1)).most(.delete, of: 1_000) == .max)

    let strict = try await MemoryLink(guards: [.push: GuardSettings(deletes: .count(0), overwrites: .count(0))])
    try await strict.running { await strict.local.put(RecordKey(1), Self.customer(1)) }
    let log = strict.log
    let rest = strict
    await #expect(throws: Stopped.self) {
      try await strict.running {
        await rest.local.put(RecordKey(1), ["name": 2])
        try await eventually("it is held") { try await log.heldChanges().map(\.kind) == [.overwrite] }
        throw Stopped()
      }
    }
    try await strict.running {
      await rest.local.put(RecordKey(1), ["name": 3])
      try await eventually("it waits behind") {
        try await log.waiting(of: rest.link.name, .push, limit: 10).count == 2
      }
      #expect(await rest.remote.contents.values.map { $0["full_name"] } == [1])
      // What waited is looked at anew: the newest state is what would be written, and is held as well.
      try await eventually("all of it is written once approved") {
        try await log.approve(rest.link.name)
        return await rest.remote.contents.values.map { $0["full_name"] } == [3]
      }
    }
  }

  private struct Stopped: Error {}
}
