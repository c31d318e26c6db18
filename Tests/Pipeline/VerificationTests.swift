import Changes
import JSON
import Log
import Reconcile
import Replay
import Support
import Synchronization
import Testing
import Verify

@Suite("Verification", .serialized, .timeLimit(.minutes(3)))
struct VerificationTests {
  @Test(
    "Every planted difference is found and nothing else while writers are busy, and repair makes the sides equal",
    arguments: 0..<6)
  func planted(round: Int) async throws {
    let seed = UInt64.random(in: 0 ... .max) &+ UInt64(round)
    let ends = try await MemoryLink(policy: ConflictPolicy(default: .side(.local)))
    // More than a few pages, so that they have borders.
    let records = 90
    for number in 1...records { await Self.write(ends, number, version: 0) }
    try await ends.running {}
    var numbers = SeededNumbers(state: seed)
    let chosen = Array((1...records).shuffled(using: &numbers).prefix(36))
    let planted = try await Self.plant(Array(chosen.prefix(24)), ends, &numbers)
    let contacts = try await Self.contacts(ends)
    let busy = Array(Set(1...records).subtracting(chosen)).sorted()
    let prefer: Side? = [.local, .remote, nil][round % 3]

    try await ends.running {
      let closing = Closing()
      async let writes: Void = Self.work(ends, busy, contacts, until: closing, seed: seed)
      let (found, figures) = try await ends.verified(.everything, witness: ends.witness)
      closing.call()
      try await writes
      print("seed \(seed): \(figures)")
      let told = Set(found.map(Planted.init))
      #expect(planted.subtracting(told).isEmpty, "seed \(seed): not found")
      let wrong = found.filter { !planted.contains(Planted($0)) }
      for difference in wrong { try await Self.tellStory(of: difference, ends) }
      #expect(wrong.isEmpty, "seed \(seed): these are on their way")
      #expect(found.count == planted.count, "seed \(seed): one was told twice")
      #expect(figures.compared >= Int64(records), "seed \(seed)")
      await ends.carryOut(.repair(found.map(\.record), prefer: prefer))
    }
    #expect(try await ends.differences == [], "seed \(seed), \(prefer.map { "\($0)" } ?? "policy") preferred")
  }

  @Test("A repair that prefers a side gives it the last word, and its own echo changes nothing more")
  func preference() async throws {
    for side in Side.allCases {
      let ends = try await MemoryLink(policy: ConflictPolicy(default: .side(side.opposite)))
      await Self.write(ends, 1, version: 0)
      try await ends.running {}
      await ends.local.plant(RecordKey(1), ["name": "here"])
      let key = try #require(await ends.remote.contents.keys.first)
      await ends.remote.plant(key, ["full_name": "there"])
      let record = RecordPair(local: RecordKey(1), remote: key)
      try await ends.running { await ends.carryOut(.repair([record], prefer: side)) }
      let expected: JSONValue = side == .local ? "here" : "there"
      #expect(await ends.local.contents[RecordKey(1)]?["name"] == expected)
      #expect(await ends.remote.contents[key]?["full_name"] == expected)
      let writes = await ends.local.journal.count + ends.remote.journal.count
      #expect(writes == 2, "the create and the repair")
    }
  }

  @Test("A preview tells exactly the write that the repair makes then")
  func preview() async throws {
    let ends = try await MemoryLink()
    await Self.write(ends, 1, version: 0)
    try await ends.running {}
    let key = try #require(await ends.remote.contents.keys.first)
    await ends.remote.plant(key, ["full_name": "there"])
    let record = RecordPair(local: RecordKey(1), remote: key)
    let change = try #require(
      try await RecordRepair(ends.link, directions: Direction.allCases).changes([record], winner: .local).first)
    let before = await ends.remote.contents
    guard case .write(let write) = try await ends.link.preview(change, .push, log: ends.log) else {
      Issue.record("nothing would be written")
      return
    }
    #expect(await ends.remote.contents == before)
    #expect(write.action == .update && write.key == key && write.fields == ["full_name": 0])
  }

  @Test("An end that is busy for a moment, or asks for patience, is asked again and not taken for different")
  func busyEnd() async throws {
    let ends = try await MemoryLink()
    for number in 1...50 { await Self.write(ends, number, version: 0) }
    try await ends.running {}
    let busy = BusyTarget(ends.remote)
    let verification = Verification(
      ends.faulty(busy), directions: Direction.allCases, log: ends.log, witness: nil, pageRows: 20)
    let figures = try await verification.run(.everything, patience: .seconds(20)) {
      Issue.record("told: \($0.record)")
    }
    #expect(figures.compared == 50 && busy.refusals > 1)
    await #expect(throws: EndUnavailable.self) {
      _ = try await verification.run(.everything, patience: .zero) { _ in }
    }
  }

  @Test("A link that only pushes has nothing to say about records that its target has for itself")
  func strangers() async throws {
    let ends = try await MemoryLink(isTwoWay: false)
    await ends.remote.plant(RecordKey("own"), ["id": "own", "full_name": "Own", "email": "own@x"])
    let verification = Verification(ends.link, directions: [.push], log: ends.log, witness: nil)
    let figures = try await verification.run(.everything, patience: .zero) { Issue.record("told: \($0.record)") }
    #expect(figures.differences == 0 && figures.compared == 1)
  }

  @Test("A change on its way is no difference, nor does it become one when nobody carries it on")
  func inFlight() async throws {
    let ends = try await MemoryLink()
    await Self.write(ends, 1, version: 0)
    try await ends.running {}
    let row: JSONObject = ["id": 1, "name": "new", "email": "1@x", "limit": 0]
    await ends.local.plant(RecordKey(1), row)
    let change = Change(
      .update, of: ends.link.local.name, key: RecordKey(1), row: row.bytes, stamp: Stamp(1_000), committedAt: .now)
    try await ends.log.append(
      ChangeBatch([change], through: Position(epoch: "memory", place: "1")), from: ends.local.name)
    let (differences, figures) = try await ends.verified(.everything, witness: nil)
    #expect(differences == [] && figures.inFlight == 1)
  }

  @Test("A sample, and what changed since a sequence, compare those records only")
  func scopes() async throws {
    let ends = try await MemoryLink()
    for number in 1...30 { await Self.write(ends, number, version: 0) }
    try await ends.running {}
    let mark = try await ends.log.end()
    await ends.local.put(RecordKey(7), ["name": "seven"])
    try await ends.running {}
    for number in 1...30 { await ends.local.plant(RecordKey(.integer(number)), ["limit": 99]) }
    let since = try await ends.verified(.since(mark), witness: nil)
    #expect(since.differences.map(\.record.local) == [RecordKey(7)])
    #expect(since.differences.first?.fields.map(\.name) == ["limit"])
    let sample = try await ends.verified(.sample(10), witness: nil)
    #expect(sample.figures.compared == 10 && sample.differences.count == 10)
  }

  private static func write(_ ends: MemoryLink, _ number: Int, version: Int) async {
    await ends.local.put(
      RecordKey(.integer(number)),
      ["id": .integer(number), "name": .integer(version), "email": .string("\(number)@x"), "limit": 0])
  }

  /// The remote key of each numbered record.
  private static func contacts(_ ends: MemoryLink) async throws -> [Int: RecordKey] {
    var contacts: [Int: RecordKey] = [:]
    for (key, record) in await ends.remote.contents {
      guard let email = record["email"]?.stringValue, let number = Int(email.dropLast(2)) else { continue }
      contacts[number] = key
    }
    return contacts
  }

  /// Both applications at work on records that hold no planted difference.
  private static func work(
    _ ends: MemoryLink, _ busy: [Int], _ contacts: [Int: RecordKey], until closing: Closing, seed: UInt64
  ) async throws {
    var numbers = SeededNumbers(state: seed &+ 1)
    var version = 0
    while !closing.isDue || version < 200 {
      version += 1
      guard let number = busy.randomElement(using: &numbers) else { return }
      await write(ends, number, version: version)
      if let contact = contacts[number] {
        await ends.remote.put(contact, ["terms": ["limit": .integer(version)]])
      }
      if version % 8 == 0 {
        // Records come and go at both sides too: their counterparts are found while they are compared.
        await write(ends, 20_000 + version, version: version)
        let id = JSONValue.string("new\(version)")
        await ends.remote.put(
          RecordKey(id), ["id": id, "full_name": "new", "email": .string("new\(version)@x"), "terms": ["limit": 1]])
        if version % 24 == 0 { await ends.local.remove(RecordKey(.integer(20_000 + version - 16))) }
      }
      // As fast as replay keeps up with: a record that never comes to rest is in flight for ever.
      let figures = try await ends.log.figures(of: ends.link.name, .push, endpoint: ends.link.local.name)
      try await ContinuousClock().sleep(for: .milliseconds(figures.pending > 10 ? 50 : 3))
    }
  }

  /// What the log knows of a record, for the person who reads the failure.
  private static func tellStory(of difference: Difference, _ ends: MemoryLink) async throws {
    print("\(Planted(difference)): \(difference.fields) \(difference.knowledge)")
    for side in Side.allCases {
      guard let key = difference.record[side] else { continue }
      print("state:", try await ends.log.state(of: ends.link.name, side, key: key) as Any)
      for logged in try await ends.log.history(of: ends.link[side].name, key: key, limit: 6) {
        print(
          logged.sequence, logged.change.operation, logged.change.origin,
          String(decoding: logged.change.row, as: UTF8.self))
      }
    }
    for direction in Direction.allCases {
      print(direction, "watermark", try await ends.log.replayWatermark(of: ends.link.name, direction))
    }
  }

  /// What a planted difference must be found as.
  private struct Planted: Hashable {
    var kind: Difference.Kind
    var local: RecordKey?
    var remote: RecordKey?
    var fields: [String]

    init(_ kind: Difference.Kind, _ local: RecordKey?, _ remote: RecordKey?, _ fields: [String] = []) {
      (self.kind, self.local, self.remote, self.fields) = (kind, local, remote, fields)
    }

    init(_ difference: Difference) {
      self.init(difference.kind, difference.record.local, difference.record.remote, difference.fields.map(\.name))
    }
  }

  /// Changes a side behind the back of its own change feed: what a lost slot or a restored copy leaves behind.
  private static func plant(
    _ chosen: [Int], _ ends: MemoryLink, _ numbers: inout SeededNumbers
  ) async throws -> Set<Planted> {
    var planted: Set<Planted> = []
    for number in chosen {
      let local = RecordKey(.integer(number))
      let state = try await ends.log.state(of: ends.link.name, .local, key: local)
      let remote = try #require(state?.remote.key)
      switch Int.random(in: 0..<6, using: &numbers) {
      case 0:
        await ends.local.plant(local, nil)
        planted.insert(Planted(.missingLocally, local, remote))
      case 1:
        await ends.remote.plant(remote, nil)
        planted.insert(Planted(.missingRemotely, local, remote))
      case 2:
        let extra = RecordKey(.integer(10_000 + number))
        await ends.local.plant(
          extra, ["id": extra.values[0], "name": "extra", "email": .string("l\(number)@x"), "limit": 1])
        planted.insert(Planted(.missingRemotely, extra, nil))
      case 3:
        let extra = RecordKey(.string("extra\(number)"))
        await ends.remote.plant(
          extra,
          ["id": extra.values[0], "full_name": "extra", "email": .string("r\(number)@x"), "terms": ["limit": 1]])
        planted.insert(Planted(.missingLocally, nil, extra))
      case 4:
        await ends.local.plant(local, ["name": "planted"])
        planted.insert(Planted(.differing, local, remote, ["name"]))
      default:
        await ends.remote.plant(remote, ["terms": ["limit": 7]])
        planted.insert(Planted(.differing, local, remote, ["limit"]))
      }
    }
    return planted
  }
}

/// A target of which every other read is refused, as a database that is locked or an API that limits its callers does.
private final class BusyTarget: ChangeTarget {
  private let target: any ChangeTarget
  private let reads = Mutex(0)

  init(_ target: any ChangeTarget) { self.target = target }

  var refusals: Int { reads.withLock { $0 / 2 } }

  private func admit() throws {
    let read = reads.withLock { reads in
      reads += 1
      return reads
    }
    guard read.isMultiple(of: 2) else { return }
    throw EndUnavailable(
      Failure(code: "http.429", message: "too many requests"), after: read.isMultiple(of: 4) ? .milliseconds(5) : nil)
  }

  func records(_ keys: [RecordKey]) async throws -> [RecordKey: Record] {
    try admit()
    return try await target.records(keys)
  }

  func find(_ match: JSONObject) async throws -> [Record] { try await target.find(match) }

  func chunk(from position: Position?, limit: Int) async throws -> Chunk {
    try admit()
    return try await target.chunk(from: position, limit: limit)
  }

  func apply(_ writes: [Write]) async -> [Outcome] { await target.apply(writes) }
}
