import Changes
import JSON
import Log
import Logging
import Replay
import Support
import Testing

@Suite("Requests", .timeLimit(.minutes(2)))
struct RequestTests {
  @Test("Replay makes again what the target lost, brings back what it holds older, and leaves what it holds newer")
  func replay() async throws {
    let ends = try await MemoryLink()
    try await ends.running {
      for number in 1...4 {
        await ends.local.put(
          RecordKey(.integer(number)),
          ["id": .integer(number), "name": .integer(number), "email": .string("\(number)@x"), "limit": 0])
      }
    }
    var keys: [Int: RecordKey] = [:]
    for (key, record) in await ends.remote.contents { keys[Int(record["full_name"]?.integerValue ?? 0)] = key }
    let (lost, older, newer) = (try #require(keys[1]), try #require(keys[2]), try #require(keys[3]))
    await ends.remote.plant(lost, nil)
    await ends.remote.plant(older, ["full_name": "restored"], modifiedAt: Timestamp.now.advanced(by: .seconds(-3600)))
    await ends.remote.plant(newer, ["full_name": "edited"])
    let written = await ends.remote.journal.count
    let log = ends.log
    try await ends.running {
      await ends.carryOut(.replay(.push, after: .start, through: try await log.end(), key: nil))
    }
    let remote = await ends.remote.contents
    #expect(remote.values.contains { $0["full_name"] == 1 })
    #expect(remote[older]?["full_name"] == 2)
    #expect(remote[newer]?["full_name"] == "edited")
    #expect(await ends.remote.journal.count == written + 2, "what the target has is not sent again")
    #expect(remote.count == 4)
    let copies = try await log.newest(10, matching: LogFilter(endpoints: [ends.link.local.name])).filter {
      $0.source == SourceName("replay")
    }
    #expect(copies.map(\.logged.change.origin) == Array(repeating: .replay, count: 4))
  }

  @Test("A replay that was interrupted goes on where it was, and of one record takes only its changes")
  func interrupted() async throws {
    let ends = try await MemoryLink()
    let endpoint = ends.link.local.name
    // Two pages and a half; a record appears on each.
    for start in stride(from: 0, to: 1_250, by: 250) {
      let changes = (start..<start + 250).map { number in
        Change(
          .update, of: endpoint, key: RecordKey(.integer(number % 300)), row: Array("{}".utf8), stamp: Stamp(1),
          committedAt: .now)
      }
      try await ends.log.append(
        ChangeBatch(changes, through: Position(epoch: "memory", place: "\(start)")), from: ends.local.name)
    }
    let end = try await ends.log.end()
    let whole = ReplayOrder(endpoint: endpoint, through: end, key: nil)
    let first = try await whole.part(after: .start, of: ends.log)
    let next = try #require(first.next)
    let work = ControlRequest.Work.replay(.push, after: .start, through: end, key: nil)
    let asked = try await ends.log.ask(work, of: ends.link.name)
    _ = try await ends.log.append(
      first.changes.map { ReplayOrder.again($0.change) }, for: asked, place: next, state: .requested)
    // Here the process died. Another one finds the request.
    let readers = [LogReader(link: ends.link.name, direction: .pull, endpoint: ends.link.remote.name)]
    let hold = try await ends.log.hold(of: readers)
    #expect(hold?.sequence == LogSequence(next.number + 1), "the log would lose what is to be replayed")
    let found = try #require(try await ends.log.openRequests().first)
    #expect(found.work == work && found.place == next)
    let loop = RequestLoop(
      [.init(ends.link, directions: [.pull]) {}], log: ends.log, logger: Logger(label: "test"))
    await loop.carryOut(found)
    let done = try #require(try await ends.log.request(asked.id))
    #expect(done.state == .done)
    var expected = 0
    var place: LogSequence? = .start
    while let from = place {
      let part = try await whole.part(after: from, of: ends.log)
      expected += part.changes.count
      place = part.next
    }
    #expect(done.changes == Int64(expected) && expected < 1_250)
    #expect(try await ends.log.end() == LogSequence(end.number + Int64(expected)))

    let one = try await ReplayOrder(endpoint: endpoint, through: end, key: RecordKey(7)).part(
      after: .start, of: ends.log)
    #expect(one.changes.map(\.change.key) == [RecordKey(7)])
  }

  @Test("What cannot be carried out is told to whoever asked")
  func failure() async throws {
    let ends = try await MemoryLink(isTwoWay: false)
    let loop = RequestLoop(
      [.init(ends.link, directions: [.push]) {}], log: ends.log, logger: Logger(label: "test"))
    let record = RecordPair(local: RecordKey(1), remote: nil)
    let asked = try await ends.log.ask(.repair([record], prefer: .remote), of: ends.link.name)
    await loop.carryOut(asked)
    let failed = try await ends.log.request(asked.id)
    #expect(failed?.state == .failed && failed?.message?.contains("shop.customers only") == true)
    let stranger = try await ends.log.ask(.capture, of: LinkName("gone"))
    await loop.carryOut(stranger)
    #expect(try await ends.log.request(stranger.id)?.message?.contains("does not know a link gone") == true)
  }
}
