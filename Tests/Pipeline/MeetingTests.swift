import Changes
import JSON
import Log
import Reconcile
import Replay
import Support
import Testing
import Verify

/// Two sides that both hold records before a link brings them together.
@Suite(.serialized, .timeLimit(.minutes(2))) struct MeetingTests {
  private static let old = Timestamp(microseconds: 1_700_000_000_000_000)
  private static let new = Timestamp(microseconds: 1_700_003_600_000_000)

  private func local(_ number: Int, name: JSONValue, email: JSONValue? = nil) -> JSONObject {
    ["id": .integer(number), "name": name, "email": email ?? .string("e\(number)@x"), "limit": 5]
  }

  private func remote(_ id: String, name: JSONValue, email: JSONValue) -> JSONObject {
    ["id": .string(id), "full_name": name, "email": email, "terms": ["limit": 5]]
  }

  private func key(_ number: Int) -> RecordKey { RecordKey(.integer(number)) }
  private func key(_ id: String) -> RecordKey { RecordKey(.string(id)) }

  /// 40 equal pairs, 6 differing ones, and everything else that stands in the way.
  private func plant(_ ends: MemoryLink) async {
    for number in 1...40 { await pair(ends, number, "same", "same") }
    await pair(ends, 41, "here", "there", changed: (Self.new, Self.old))
    await pair(ends, 42, "here", "there", changed: (Self.old, Self.new))
    await pair(ends, 43, "here", "there", changed: (nil, Self.new))
    await pair(ends, 44, .null, "there", changed: (Self.new, Self.old))
    await pair(ends, 45, "here", "", changed: (Self.old, Self.new))
    await pair(ends, 46, "here", "there", changed: (Self.new, Self.new))
    for number in 51...53 { await ends.local.plant(key(number), local(number, name: "only here")) }
    await ends.local.plant(key(54), local(54, name: "no key", email: .null))
    for id in ["c61", "c62"] {
      await ends.remote.plant(key(id), remote(id, name: "only there", email: .string("\(id)@x")))
    }
    // Two of one side, one of the other; and two that nobody has at the other side.
    for number in [71, 72] { await ends.local.plant(key(number), local(number, name: "twin", email: "t@x")) }
    await ends.remote.plant(key("c71"), remote("c71", name: "twin", email: "t@x"))
    for id in ["c81", "c82"] { await ends.remote.plant(key(id), remote(id, name: "twin", email: "u@x")) }
  }

  private func pair(
    _ ends: MemoryLink, _ number: Int, _ here: JSONValue, _ there: JSONValue,
    changed: (Timestamp?, Timestamp?) = (nil, nil)
  ) async {
    await ends.local.plant(key(number), local(number, name: here), modifiedAt: changed.0)
    await ends.remote.plant(
      key("c\(number)"), remote("c\(number)", name: there, email: .string("e\(number)@x")), modifiedAt: changed.1)
  }

  private func meeting(_ ends: MemoryLink, _ policy: FirstContact?) -> Meeting {
    Meeting(ends.link, directions: Direction.allCases, log: ends.log, firstContact: policy, pageRows: 7)
  }

  /// What the names of pairs 41 to 46 become; "…" where both sides keep theirs and a conflict is open.
  private static let outcomes: [FirstContact: [String]] = [
    .database: ["here", "here", "here", "null", "here", "here"],
    .application: ["there", "there", "there", "there", "\"\"", "there"],
    .newest: ["here", "there", "…", "null", "\"\"", "…"],
    // What both sides have is the link's own policy's: the application's.
    .fillEmpty: ["there", "there", "there", "there", "here", "there"],
    .manual: ["…", "…", "…", "…", "…", "…"],
  ]

  @Test(arguments: FirstContact.allCases)
  func `The report tells what there is, and each policy then brings exactly that together`(policy: FirstContact)
    async throws
  {
    let ends = try await MemoryLink(policy: ConflictPolicy(default: .side(.remote)))
    await plant(ends)
    let meeting = meeting(ends, policy)
    let findings = try await meeting.look(patience: .seconds(1))
    let figures = findings.figures
    #expect(figures.pairs == 46 && figures.differing == 6 && figures.fields == ["name": 6])
    #expect(figures.local.records == 52 && figures.remote.records == 51)
    #expect(figures.local.alone == 4 && figures.local.withoutKey == 1 && figures.remote.alone == 2)
    #expect(figures.local.ambiguous == 2 && figures.remote.ambiguous == 3)
    #expect(
      figures.ambiguities == [
        .init(local: [key(71), key(72)], remote: [key("c71")]), .init(local: [], remote: [key("c81"), key("c82")]),
      ])
    #expect(figures.remote.toBeMade == 4 && figures.local.toBeMade == 2 && figures.isWork)
    let outcomes = try #require(Self.outcomes[policy])
    #expect(figures.undecided == outcomes.count { $0 == "…" })
    let writes = await ends.local.journal.count + ends.remote.journal.count
    #expect(writes == 0, "a look wrote something")

    let (linked, rest) = try await meeting.link(findings)
    #expect(linked == 46)
    #expect(rest[.local] == .records([key(54)] + (41...46).map(key) + (51...53).map(key)))
    try await carry(rest, ends, policy)

    let (here, there) = (await ends.local.contents, await ends.remote.contents)
    for (number, outcome) in zip(41...46, outcomes) {
      let names = [here[key(number)]?["name"], there[key("c\(number)")]?["full_name"]].map { $0?.plainText ?? "gone" }
      if outcome == "…" {
        #expect(names[0] != names[1], "\(number): \(names)")
      } else {
        let wanted = outcome == "\"\"" ? "" : outcome
        #expect(names == [wanted, wanted], "\(policy), pair \(number)")
      }
    }
    let open = try await ends.log.conflicts(openOnly: true, limit: 100)
    #expect(Set(open.map(\.localKey)) == Set(zip(41...46, outcomes).filter { $0.1 == "…" }.map { key($0.0).encoded }))
    #expect(open.allSatisfy { $0.policy == policy.rawValue && $0.kind == "create/create" }, "\(open)")
    #expect(try await ends.log.deadLetters(limit: 9).map(\.failure) == [])
    let emails = there.values.compactMap { $0["email"]?.stringValue }.filter { $0 != "t@x" && $0 != "u@x" }
    #expect(emails.sorted() == Set(emails).sorted() && emails.count == 51, "\(emails)")
    #expect(here.count == 54)
    // The equal ones were not written, nor asked for.
    let touched = await ends.remote.journal.map(\.key) + ends.local.journal.map(\.key)
    #expect(!touched.contains { (1...40).map(key).contains($0) || (1...40).map { key("c\($0)") }.contains($0) })
    let state = try #require(try await ends.log.state(of: ends.link.name, .local, key: key(1)))
    #expect(
      state.isAgreed && state.base == ["name": "same", "email": "e1@x", "limit": 5] && state.remote.key == key("c1"))

    let again = try await meeting.look(patience: .seconds(1)).figures
    #expect(again.pairs == 0 && again.local.linked == 52 - 2 + 2 && again.differing == 0, "\(again)")
  }

  /// Asks for what is left, as the command does, and carries it out.
  private func carry(_ rest: [Side: Meeting.Rest], _ ends: MemoryLink, _ policy: FirstContact?) async throws {
    for (side, rest) in rest {
      guard case .records(let keys) = rest else { continue }
      try await ends.log.requestBackfill(
        of: ends.link.name, side, reason: Backfill.requested,
        options: BackfillOptions(firstContact: policy?.rawValue), keys: keys)
    }
    try await ends.running {}
  }

  @Test func `What was decided for a first meeting does not hold for what comes later`() async throws {
    let ends = try await MemoryLink(policy: ConflictPolicy(default: .side(.remote)))
    await pair(ends, 1, "here", "there")
    let meeting = meeting(ends, .database)
    let (_, rest) = try await meeting.link(try await meeting.look(patience: .seconds(1)))
    try await carry(rest, ends, .database)
    #expect(await ends.remote.contents[key("c1")]?["full_name"] == "here")

    await pair(ends, 2, "here", "there")
    try await ends.log.requestBackfill(of: ends.link.name, .local, reason: Backfill.requested)
    try await ends.running {}
    // The link's own: the application wins, so what the table holds is not sent; its own change brings the rest.
    #expect(await ends.remote.contents[key("c2")]?["full_name"] == "there")
  }

  @Test func `A row that was only found is not the newest for that`() async throws {
    let ends = try await MemoryLink(policy: ConflictPolicy(default: .newest))
    await pair(ends, 1, "here", "there", changed: (nil, Self.old))
    await pair(ends, 2, "here", "there", changed: (Self.new, Self.old))
    for side in Side.allCases {
      try await ends.log.requestBackfill(of: ends.link.name, side, reason: Backfill.initial)
    }
    try await ends.running {}
    #expect(await ends.remote.contents[key("c1")]?["full_name"] == "there")
    #expect(await ends.local.contents[key(1)]?["name"] == "here")
    #expect(try await ends.log.conflicts(openOnly: true, limit: 9).map(\.localKey).contains(key(1).encoded))
    // One that tells when it changed is.
    #expect(await ends.remote.contents[key("c2")]?["full_name"] == "here")
  }

  @Test func `A pair that changes while both sides are read goes the way of all changes`() async throws {
    let ends = try await MemoryLink()
    for number in 1...3 { await pair(ends, number, "same", "same") }
    let meeting = meeting(ends, nil)
    let findings = try await meeting.look(patience: .seconds(1))
    let change = Change(.delete, of: ends.link.local.name, key: key(2), stamp: Stamp(99), committedAt: .now)
    try await ends.log.append(
      ChangeBatch([change], through: Position(epoch: "memory", place: "0")), from: SourceName("shop.customers"))
    #expect(try await meeting.link(findings).linked == 2)
    #expect(try await ends.log.state(of: ends.link.name, .local, key: key(2)) == nil)
    #expect(try await meeting.link(findings).linked == 0, "linked twice")
  }

  @Test func `An empty side and a key that nothing pairs up by are doubted, a side that lacks some is not`()
    async throws
  {
    func doubt(_ ends: MemoryLink) async throws -> String? {
      try await meeting(ends, nil).look(patience: .seconds(1)).figures
        .doubt(local: ends.link.local.name, remote: ends.link.remote.name)
    }
    let ends = try await MemoryLink()
    #expect(try await doubt(ends) == nil)
    await ends.local.plant(key(1), local(1, name: "a"))
    #expect(try await doubt(ends) == "crm.contacts is empty: 1 records would be made there")
    await ends.remote.plant(key("c2"), remote("c2", name: "b", email: "e2@x"))
    #expect(try await doubt(ends)?.contains("none of the 1 records") == true)
    await pair(ends, 3, "same", "same")
    #expect(try await doubt(ends) == nil)
  }
}
