import Changes
import JSON
import Log
import Reconcile
import Replay
import SQLite
import Support
import Testing
import Verify

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
    #expect(conflicts.map(\.decision) == [.side(winner)])
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

  @Test("an interrupted create is no ancestor any more once the other direction linked the record")
  func interruptedCreate() async throws {
    let ends = try await MemoryLink()
    await ends.local.put(RecordKey(1), ["id": 1, "name": "Ada", "email": "a@x", "limit": 1])
    // The process died when the record was made and nothing of it was settled.
    try await ends.log.intend(
      Intent(
        link: ends.link.name, direction: .push, key: RecordKey(1), sequence: LogSequence(1),
        fields: ["name": "Ada", "email": "a@x", "limit": 1], isCreate: true), term: ends.log.term)
    let key = RecordKey("c1")
    await ends.remote.put(key, ["id": "c1", "full_name": "Ada", "email": "a@x", "terms": ["limit": 1]])
    await ends.remote.put(key, ["terms": ["limit": 2]])
    try await ends.running(nil, [.pull]) {}
    #expect(await ends.local.contents[RecordKey(1)]?["limit"] == 2)
    await ends.remote.put(key, ["terms": ["limit": 3]])
    try await ends.running(nil, [.push]) {}
    #expect(await ends.remote.contents[key].map { JSONValue.object($0).at("terms.limit") } == 3)
    try await ends.running {}
    #expect(try await ends.differences == [])
    #expect(await ends.local.contents[RecordKey(1)]?["limit"] == 3)
    #expect(try await ends.log.conflicts(openOnly: false, limit: 10).isEmpty)
  }

  @Test("an interrupted create is found again, though a change settled before it is delivered once more")
  func interruptedSecondCreate() async throws {
    let ends = try await MemoryLink()
    await ends.remote.put(RecordKey("c1"), ["id": "c1", "full_name": "Ada", "email": "a@x", "terms": ["limit": 1]])
    try await ends.running {}
    let key = try #require(await ends.local.contents.keys.first)
    // The record was lost at the remote side and made anew; the process died before either that or the watermark was
    // settled, so the echo of the first write comes before the update that made it.
    let raw = try await SQLiteConnection(path: ends.log.path, access: .write)
    try await raw.run { try $0.execute("UPDATE replay_watermarks SET sequence = 0 WHERE direction = 0") }
    await ends.local.put(key, ["limit": 7])
    try await ends.log.intend(
      Intent(
        link: ends.link.name, direction: .push, key: key,
        sequence: LogSequence(try await ends.log.figures().last.number + 1),
        fields: ["name": "Ada", "email": "a@x", "limit": 7], isCreate: true), term: ends.log.term)
    await ends.remote.remove(RecordKey("c1"))
    await ends.remote.put(RecordKey("c2"), ["id": "c2", "full_name": "Ada", "email": "a@x", "terms": ["limit": 7]])
    try await ends.running(nil, [.push]) {}
    #expect(await ends.remote.contents.count == 1)
    try await ends.running {}
    #expect(try await ends.differences == [])
    #expect(await ends.remote.journal.isEmpty)
  }

  @Test(
    "a record that was made, not settled and then deleted where it came from is not made there again", arguments: 0..<8)
  func interruptedThenDeleted(_ round: Int) async throws {
    let ends = try await MemoryLink()
    let origin = RecordKey("c1")
    await ends.remote.put(origin, ["id": "c1", "full_name": "Ada", "email": "a@x", "terms": ["limit": 1]])
    // The process died when the row was made and nothing of it was settled.
    let fields: JSONObject = ["name": "Ada", "email": "a@x", "limit": 1]
    try await ends.log.intend(
      Intent(
        link: ends.link.name, direction: .pull, key: origin, sequence: LogSequence(1), fields: fields, isCreate: true),
      term: ends.log.term)
    _ = await ends.local.apply([Write(.create, key: nil, fields: fields, expected: nil, idempotencyKey: "1")])
    await ends.remote.remove(origin)
    try await ends.running {}
    #expect(try await ends.differences == [])
    #expect(await ends.remote.journal.isEmpty)
    #expect(await ends.local.contents.isEmpty)
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

  @Test("a delete that gave way to a change holds after all when that change is taken back", arguments: Side.allCases)
  func deleteAgainstChangeTakenBack(_ side: Side) async throws {
    let ends = try await MemoryLink()
    try await ends.running { await ends.local.put(RecordKey(1), ["id": 1, "name": "Ada", "email": "a@x", "limit": 1]) }
    let remote = try #require(await ends.remote.contents.keys.first)
    let keys = [Side.local: RecordKey(1), .remote: remote]
    let (gone, changed) = side == .local ? (ends.local, ends.remote) : (ends.remote, ends.local)
    let name = side == .local ? "full_name" : "name"
    let (goneKey, key) = try (#require(keys[side]), #require(keys[side.opposite]))
    await gone.remove(goneKey)
    await changed.put(key, [name: "Ada L."])
    try await ends.running(nil, [side == .local ? .push : .pull]) {}
    #expect(await changed.contents[key] != nil, "the delete did not give way")
    await changed.put(key, [name: "Ada"])
    try await ends.running {}
    #expect(try await ends.differences == [])
    let left = await changed.contents.count + gone.contents.count
    #expect(left == 0)
  }

  @Test("writes the id the remote side made to its column, whichever side made the record")
  func idColumn() async throws {
    let ends = try await MemoryLink(idColumn: "crm_id")
    try await ends.running {
      await ends.local.put(RecordKey(1), ["id": 1, "name": "Ada", "email": "a@x", "limit": 1])
      await ends.remote.put(RecordKey("c9"), ["id": "c9", "full_name": "Bob", "email": "b@x", "terms": ["limit": 2]])
    }
    let remote = await ends.remote.contents
    for record in await ends.local.contents.values {
      let id = try #require(record["crm_id"]?.stringValue)
      #expect(remote[RecordKey(.string(id))]?["email"] == record["email"])
    }
    #expect(await ends.local.contents.count == 2)
    #expect(await ends.remote.journal.count == 1)
  }

  @Test("Invariant 11: a damaged record is said and never delivered, and the others go on")
  func damage() async throws {
    let ends = try await MemoryLink()
    let changes = (1...3).map { number in
      Change(
        .insert, of: ends.link.local.name, key: RecordKey(.integer(number)),
        row: Array("{\"id\":\(number),\"name\":\"n\",\"email\":\"\(number)@x\",\"limit\":0}".utf8),
        stamp: Stamp(Int64(number)), committedAt: .now)
    }
    try await ends.log.append(
      ChangeBatch(changes, through: Position(epoch: "memory", place: "0")), from: ends.local.name)
    let raw = try await SQLiteConnection(path: ends.log.path, access: .write)
    try await raw.run { session in
      var frames = try session.first("SELECT frames FROM blocks") { $0.bytes(0) } ?? []
      let middle = frames.count / 2
      frames[middle] ^= 0x10
      try session.execute("UPDATE blocks SET frames = ?", [.blob(frames)])
    }
    try await ends.running {}
    #expect(await ends.remote.contents.count == 2)
    let letters = try await ends.log.deadLetters(limit: 10)
    #expect(letters.map(\.failure.code) == ["log.damaged"])
    #expect(letters.first?.failure.message.contains("2") == true)
  }
}
