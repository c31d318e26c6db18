import Changes
import JSON
import Log
import Reconcile
import Replay
import Support
import Testing

@Suite("Conflicts", .timeLimit(.minutes(3)))
struct ConflictTests {
  private static let key = RecordKey(1)

  /// A record that both sides hold, changed at both to different values in `limit`, and at one in another field.
  private func conflict(_ policy: ConflictPolicy) async throws -> (MemoryLink, RecordKey) {
    let ends = try await MemoryLink(policy: policy)
    try await ends.running {
      await ends.local.put(Self.key, ["id": 1, "name": "Ada", "email": "a@x", "limit": 10])
    }
    let remote = try #require(await ends.remote.contents.keys.first)
    await ends.local.put(Self.key, ["limit": 12, "name": "Ada L."])
    await ends.remote.put(remote, ["terms": ["limit": 15]])
    try await ends.running {}
    return (ends, remote)
  }

  private func limits(_ ends: MemoryLink, _ remote: RecordKey) async -> [JSONValue?] {
    [
      await ends.local.contents[Self.key]?["limit"],
      await ends.remote.contents[remote].map { JSONValue.object($0) }?.at("terms.limit"),
    ]
  }

  @Test("What a policy makes of both values is written to both sides, once, and told once")
  func joined() async throws {
    let (ends, remote) = try await conflict(ConflictPolicy(default: .manual, fields: ["limit": .delta]))
    #expect(await limits(ends, remote) == [17, 17])
    #expect(try await ends.differences == [])
    let met = try await ends.log.conflicts(openOnly: false, limit: 10)
    #expect(met.map(\.decision) == [.value(17)] && met.map(\.policy) == ["delta"])
    let writes = await ends.remote.journal.count
    // Where both sides go on adding, each increment counts once.
    await ends.local.put(Self.key, ["limit": 18])
    await ends.remote.put(remote, ["terms": ["limit": 27]])
    try await ends.running {}
    #expect(await limits(ends, remote) == [28, 28])
    #expect(await ends.remote.journal.count == writes + 1)
    // Two equal increments are two.
    await ends.local.put(Self.key, ["limit": 30])
    await ends.remote.put(remote, ["terms": ["limit": 30]])
    try await ends.running {}
    #expect(await limits(ends, remote) == [32, 32])
  }

  @Test(
    "Increments at both sides add up, with lost answers; where nobody can tell, it is an open conflict",
    arguments: 0..<12)
  func increments(round: Int) async throws {
    let seed = UInt64.random(in: 0...UInt64.max) &+ UInt64(round)
    let ends = try await MemoryLink(policy: ConflictPolicy(default: .side(.local), fields: ["limit": .delta]))
    try await ends.running {
      await ends.local.put(Self.key, ["id": 1, "name": "Ada", "email": "a@x", "limit": 0])
    }
    let remote = try #require(await ends.remote.contents.keys.first)
    let target = FlakyTarget(ends.remote, seed: seed)
    try await ends.running(ends.faulty(target)) {
      // Of another size at each side: a value that one reaches is never the other's.
      var generator = SeededNumbers(state: seed)
      for step in 0..<60 {
        if step.isMultiple(of: 2) {
          await ends.local.increment(Self.key, "limit", by: 1)
        } else {
          await ends.remote.increment(remote, "terms.limit", by: 1_000)
        }
        if step % Int.random(in: 1...9, using: &generator) == 0 { try await Task.sleep(for: .milliseconds(1)) }
      }
    }
    // Of a lost answer that nobody can tell the meaning of there is a conflict: open, or ended by equal values.
    let doubted = try await ends.log.conflicts(openOnly: false, limit: .max).filter {
      $0.decision == nil || $0.policy == "agreed"
    }
    let limits = await limits(ends, remote)
    #expect(!doubted.isEmpty || limits == [30_030, 30_030], "seed \(seed): \(limits)")
    #expect(doubted.allSatisfy { $0.field == "limit" }, "seed \(seed)")
  }

  @Test("A person's conflict holds back only its field, and is decided by a side", arguments: [Side.local, .remote])
  func decidedBySide(winner: Side) async throws {
    let (ends, remote) = try await conflict(ConflictPolicy(default: .manual))
    #expect(await limits(ends, remote) == [12, 15])
    #expect(await ends.remote.contents[remote]?["full_name"] == "Ada L.", "the record's other fields flow")
    let open = try #require(try await ends.log.conflicts(openOnly: true, limit: 10).first)
    #expect(open.field == "limit" && open.base == 10 && open.local == 12 && open.remote == 15)
    try await ends.running { await ends.carryOut(.decide(conflict: open.id, .side(winner))) }
    #expect(await limits(ends, remote) == (winner == .local ? [12, 12] : [15, 15]))
    let decided = try #require(try await ends.log.conflict(open.id))
    #expect(decided.decision == .side(winner) && decided.isByPerson && decided.order == nil)
    #expect(try await ends.differences == [])
  }

  @Test(
    "A person's value goes to both sides, and can be taken back: then both hold what they held, whatever the policy says"
  )
  func undone() async throws {
    let (ends, remote) = try await conflict(ConflictPolicy(default: .newest, clockUncertainty: .seconds(3600)))
    let open = try #require(try await ends.log.conflicts(openOnly: true, limit: 10).first)
    try await ends.running { await ends.carryOut(.decide(conflict: open.id, .value(99))) }
    #expect(await limits(ends, remote) == [99, 99])
    #expect(try await ends.log.conflict(open.id)?.decision == .value(99))
    try await ends.running { await ends.carryOut(.undo(conflict: open.id)) }
    #expect(await limits(ends, remote) == [12, 15])
    let again = try #require(try await ends.log.conflicts(openOnly: true, limit: 10).first)
    #expect(again.id == open.id && again.base == 10 && again.local == 12 && again.remote == 15)
    // Other fields flow meanwhile, and the question stays open.
    await ends.local.put(Self.key, ["name": "Ada M."])
    try await ends.running {}
    #expect(await ends.remote.contents[remote]?["full_name"] == "Ada M.")
    #expect(await limits(ends, remote) == [12, 15])
    try await ends.running { await ends.carryOut(.decide(conflict: open.id, .side(.remote))) }
    #expect(await limits(ends, remote) == [15, 15])
    #expect(try await ends.log.conflicts(openOnly: true, limit: 10).isEmpty)
  }

  @Test("A decision about values that are not there any more opens the question again")
  func moved() async throws {
    let (ends, remote) = try await conflict(ConflictPolicy(default: .manual))
    let open = try #require(try await ends.log.conflicts(openOnly: true, limit: 10).first)
    await ends.remote.plant(remote, ["terms": ["limit": 16]])
    try await ends.running {
      let request = try await ends.ask(.decide(conflict: open.id, .side(.local)))
      #expect(request?.state == .failed && request?.message?.contains("holds something else by now") == true)
    }
    #expect(await limits(ends, remote) == [12, 16])
    let met = try #require(try await ends.log.conflicts(openOnly: true, limit: 10).first)
    #expect(met.id == open.id && met.remote == 16)
  }

  @Test("A conflict is over when somebody makes the sides equal, though another field of the record is open")
  func equalled() async throws {
    let (ends, remote) = try await conflict(ConflictPolicy(default: .manual))
    await ends.local.put(Self.key, ["name": "Ada N."])
    await ends.remote.put(remote, ["full_name": "Ada O."])
    try await ends.running {}
    #expect(try await ends.log.conflicts(openOnly: true, limit: 10).count == 2)
    await ends.local.put(Self.key, ["limit": 15])
    try await ends.running {}
    let open = try await ends.log.conflicts(openOnly: true, limit: 10)
    #expect(open.map(\.field) == ["name"])
  }

  @Test(
    "A record that one side deleted and the other changed stays as it is until a person decides",
    arguments: [Side.local, .remote])
  func deleted(winner: Side) async throws {
    let ends = try await MemoryLink(policy: ConflictPolicy(delete: .manual))
    try await ends.running {
      await ends.local.put(Self.key, ["id": 1, "name": "Ada", "email": "a@x", "limit": 10])
    }
    let remote = try #require(await ends.remote.contents.keys.first)
    await ends.local.remove(Self.key)
    await ends.remote.put(remote, ["full_name": "Ada L."])
    try await ends.running {}
    #expect(await ends.local.contents.isEmpty)
    #expect(await ends.remote.contents[remote]?["full_name"] == "Ada L.")
    let open = try #require(try await ends.log.conflicts(openOnly: true, limit: 10).first)
    #expect(open.field == nil && open.local == nil)
    let refused = try await ends.ask(.decide(conflict: open.id, .value(1)))
    #expect(refused?.message?.contains("choose database or application") == true)
    try await ends.running { await ends.carryOut(.decide(conflict: open.id, .side(winner))) }
    #expect(await ends.local.contents.count == (winner == .local ? 0 : 1))
    #expect(await ends.remote.contents.count == (winner == .local ? 0 : 1))
    #expect(try await ends.log.conflicts(openOnly: true, limit: 10).isEmpty)
  }

  @Test("What an automation of the target makes of a write is told with its field, and comes back as a change")
  func rewritten() async throws {
    let ends = try await MemoryLink(policy: ConflictPolicy(default: .side(.local)))
    let loud = ends.faulty(LoudTarget(target: ends.remote))
    try await ends.running(loud) {
      await ends.local.put(Self.key, ["id": 1, "name": "Ada", "email": "a@x", "limit": 10])
    }
    #expect(await ends.local.contents[Self.key]?["name"] == "ADA")
    #expect(try await ends.differences == [])
    let told = try await ends.log.conflicts(openOnly: false, limit: 10)
    #expect(told.map(\.kind) == ["rewritten"] && told.map(\.field) == ["name"])
    #expect(told.first?.local == "Ada" && told.first?.remote == "ADA" && told.first?.decision == .side(.remote))
    #expect(await ends.remote.journal.count == 1, "nothing goes to and fro")
    try await ends.running(loud) { await ends.local.put(Self.key, ["limit": 11]) }
    #expect(try await ends.differences == [])
    #expect(try await ends.log.conflicts(openOnly: false, limit: 10).count == 1)
  }

  @Test("What nobody can decide or take back is told")
  func refused() async throws {
    let (ends, _) = try await conflict(ConflictPolicy(default: .side(.local)))
    let decided = try #require(try await ends.log.conflicts(openOnly: false, limit: 10).first)
    let again = try await ends.ask(.decide(conflict: decided.id, .side(.remote)))
    #expect(again?.message?.contains("is decided already") == true)
    let undone = try await ends.ask(.undo(conflict: decided.id))
    #expect(undone?.message?.contains("was not decided by a person") == true)
    let unknown = try await ends.ask(.undo(conflict: 999))
    #expect(unknown?.message?.contains("there is no conflict 999") == true)
  }
}

/// An application that writes all names in capitals.
private struct LoudTarget: ChangeTarget {
  let target: MemoryEndpoint

  func apply(_ writes: [Write]) async -> [Outcome] {
    await target.apply(
      writes.map { write in
        var loud = write
        if let name = write.fields["full_name"]?.stringValue { loud.fields["full_name"] = .string(name.uppercased()) }
        return loud
      })
  }

  func records(_ keys: [RecordKey]) async throws -> [RecordKey: Record] { try await target.records(keys) }
  func find(_ match: JSONObject) async throws -> [Record] { try await target.find(match) }
  func chunk(from position: Position?, limit: Int) async throws -> Chunk {
    try await target.chunk(from: position, limit: limit)
  }
}
