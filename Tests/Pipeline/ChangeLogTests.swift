import Changes
import JSON
import Log
import SQLite
import Support
import Testing

@Suite("The log")
struct ChangeLogTests {
  private static let customers = EndpointName(system: "shop", name: "customers")
  private static let orders = EndpointName(system: "shop", name: "orders")
  private static let link = LinkName("customers")
  private let folder = ScratchFolder()

  private func change(_ number: Int64, of endpoint: EndpointName = customers) -> Change {
    Change(
      .update, of: endpoint, key: RecordKey(.integer(number % 7)), row: Array("{\"n\":\(number)}".utf8),
      stamp: Stamp(number), version: number % 3 == 0 ? "v\(number)" : nil,
      committedAt: Timestamp(microseconds: number * 1000))
  }

  private func batch(_ numbers: ClosedRange<Int64>, of endpoint: EndpointName = customers) -> ChangeBatch {
    ChangeBatch(
      numbers.map { change($0, of: endpoint) }, through: Position(epoch: "e", place: String(numbers.upperBound)))
  }

  @Test("keeps changes and the watermark that covers them across a reopening")
  func reopening() async throws {
    let path = folder.file("log.db")
    do {
      let log = try await ChangeLog(path: path, access: .writer)
      try await log.append(batch(1...2500), from: SourceName("shop"))
    }
    let log = try await ChangeLog(path: path, access: .writer)
    #expect(try await log.captureWatermark(of: SourceName("shop")) == Position(epoch: "e", place: "2500"))
    var read: [LoggedChange] = []
    while true {
      let page = try await log.page(of: Self.customers, after: read.last?.sequence ?? .start, limit: 300)
      guard !page.changes.isEmpty else { break }
      read += page.changes
    }
    #expect(read.map(\.change) == (1...2500).map { change($0) })
    #expect(read.map(\.sequence.number) == Array(1...2500))
  }

  @Test("gives a link only the changes of its endpoint, from any place inside a block")
  func pages() async throws {
    let log = try await ChangeLog(path: folder.file("log.db"), access: .writer)
    for start in stride(from: Int64(1), to: 500, by: 10) {
      try await log.append(
        batch(start...(start + 9), of: start % 20 == 1 ? Self.customers : Self.orders), from: SourceName("shop"))
    }
    let page = try await log.page(of: Self.orders, after: LogSequence(14), limit: 1000)
    #expect(page.changes.first?.sequence == LogSequence(15))
    #expect(page.changes.allSatisfy { $0.change.endpoint == Self.orders })
    #expect(page.changes.count == 246)
    let pending = try await log.figures(of: Self.link, .push, endpoint: Self.orders).pending
    #expect(pending == 250)
  }

  @Test("refuses a second writer and says who holds the lease")
  func lease() async throws {
    let path = folder.file("log.db")
    let first = try await ChangeLog(path: path, access: .writer)
    await #expect(throws: LogError.self) { _ = try await ChangeLog(path: path, access: .writer) }
    #expect(first.holder?.hasPrefix("process ") == true)
    let reader = try await ChangeLog(path: path, access: .reader)
    #expect(try await reader.figures().last == .start)
  }

  @Test("never gives out a record of which any bit was changed")
  func damage() async throws {
    let path = folder.file("log.db")
    let log = try await ChangeLog(path: path, access: .writer)
    try await log.append(batch(1...3), from: SourceName("shop"))
    let raw = try await SQLiteConnection(path: path, access: .write)
    let frames = try await raw.run { try $0.first("SELECT frames FROM blocks") { $0.bytes(0) } } ?? []
    #expect(!frames.isEmpty)
    for index in frames.indices {
      var broken = frames
      broken[index] ^= 1 << UInt8(index % 8)
      let bytes = broken
      try await raw.run { try $0.execute("UPDATE blocks SET frames = ?", [.blob(bytes)]) }
      let page = try await log.page(of: Self.customers, after: .start, limit: 10)
      #expect(!page.damaged.isEmpty, "byte \(index)")
      #expect(page.changes.allSatisfy { $0.change == change($0.sequence.number) }, "byte \(index)")
      #expect(page.through == LogSequence(3))
    }
  }

  @Test("shares a commit among settlements and keeps each watermark it was given")
  func settlements() async throws {
    let log = try await ChangeLog(path: folder.file("log.db"), access: .writer)
    try await log.append(batch(1...200), from: SourceName("shop"))
    let term = log.term
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in Int64(1)...200 {
        group.addTask {
          let sequence = LogSequence(number)
          try await log.settle(
            Settlement(
              link: Self.link, direction: .push, key: RecordKey(.integer(number)), sequence: sequence,
              ending: .delivered, watermark: sequence,
              state: RecordState(
                local: .init(key: RecordKey(.integer(number)), stamp: Stamp(number)),
                remote: .init(key: RecordKey(.string("r\(number)")), version: "v"), base: ["n": .integer(number)],
                isAgreed: true, sequence: sequence)), term: term)
        }
      }
      try await group.waitForAll()
    }
    let figures = try await log.figures(of: Self.link, .push, endpoint: Self.customers)
    #expect(figures.watermark == LogSequence(200))
    #expect(figures.pending == 0)
    #expect(figures.endings == [.delivered: 200])
    let state = try await log.state(of: Self.link, .remote, key: RecordKey("r17"))
    #expect(state?.local.key == RecordKey(17))
    #expect(state?.base == ["n": 17])
  }

  @Test("finds the history of one record")
  func history() async throws {
    let log = try await ChangeLog(path: folder.file("log.db"), access: .writer)
    for start in stride(from: Int64(1), to: 100, by: 10) {
      try await log.append(batch(start...(start + 9)), from: SourceName("shop"))
    }
    let history = try await log.history(of: Self.customers, key: RecordKey(3), limit: 5)
    #expect(history.map(\.sequence.number) == [66, 73, 80, 87, 94])
  }

  @Test("finds the last row told of a record, not of one that is gone, nor from before a gap")
  func images() async throws {
    let log = try await ChangeLog(path: folder.file("log.db"), access: .writer)
    let shop = SourceName("shop")
    try await log.append(batch(1...2500), from: shop)
    var deletion = batch(2501...2501)
    deletion.changes[0].operation = .delete
    try await log.append(deletion, from: shop)
    let keys = Set((0..<9).map { RecordKey(.integer($0)) })
    let rows = try await log.latestRows(of: Self.customers, told: shop, keys)
    #expect(Set(rows.keys) == Set([0, 1, 3, 4, 5, 6].map { RecordKey(.integer($0)) }))
    #expect(rows[RecordKey(1)] == change(2500).row)
    #expect(try await log.latestRows(of: Self.customers, told: SourceName("backfill"), keys).isEmpty)
    let resume = Position(epoch: "f", place: "0")
    try await log.cross(CaptureGap(source: shop, reason: "restored", resume: resume), to: resume)
    #expect(try await log.captureWatermark(of: shop) == resume)
    #expect(try await log.latestRows(of: Self.customers, told: shop, keys).isEmpty)
    try await log.append(batch(2502...2502), from: shop)
    #expect(try await log.latestRows(of: Self.customers, told: shop, keys).keys.map(\.description) == ["3"])
  }

  @Test("removes what every link has settled and nothing else")
  func retention() async throws {
    let log = try await ChangeLog(path: folder.file("log.db"), access: .writer)
    for start in stride(from: Int64(1), to: 40, by: 10) {
      try await log.append(batch(start...(start + 9)), from: SourceName("shop"))
    }
    try await log.settle(
      Settlement(
        link: Self.link, direction: .push, key: RecordKey(25), sequence: LogSequence(25), ending: .delivered,
        watermark: LogSequence(25)),
      term: log.term)
    let readers = [LogReader(link: Self.link, direction: .push, endpoint: Self.customers)]
    let trim = try await log.trim(olderThan: .seconds(-1), largerThan: nil, readers: readers)
    #expect(trim.removedBlocks == 2)
    #expect(trim.hold?.description == "customers push has not replayed from sequence 21 on")
    #expect(try await log.page(of: Self.customers, after: LogSequence(25), limit: 100).changes.count == 15)
    #expect(try await log.append(batch(41...41), from: SourceName("shop")) == LogSequence(41))
  }

  @Test("gets no larger than it may as long as nothing is unsettled, and says what holds it then")
  func largest() async throws {
    let log = try await ChangeLog(path: folder.file("log.db"), access: .writer)
    let readers = [LogReader(link: Self.link, direction: .push, endpoint: Self.customers)]
    for start in stride(from: Int64(1), to: 20_000, by: 1000) {
      try await log.append(batch(start...(start + 999)), from: SourceName("shop"))
    }
    let most = try await log.bytesInUse() / 2
    let held = try await log.trim(olderThan: .seconds(3600), largerThan: most, readers: readers)
    #expect(held.removedBlocks == 0 && held.hold?.sequence == LogSequence(1))
    try await log.settle(
      Settlement(
        link: Self.link, direction: .push, key: RecordKey(20_000), sequence: LogSequence(20_000), ending: .delivered,
        watermark: LogSequence(20_000)),
      term: log.term)
    let trim = try await log.trim(olderThan: .seconds(3600), largerThan: most, readers: readers)
    // About half, and a few more for what the log's tables take that are empty.
    #expect((10..<19).contains(trim.removedBlocks) && trim.hold == nil, "\(trim)")
    #expect(try await log.bytesInUse() <= most)
    #expect(try await log.beginning() == LogSequence(Int64(trim.removedBlocks) * 1000 + 1))
    // What is gone is said, not passed over.
    #expect(try await log.sequence(before: Timestamp(microseconds: 1)) == nil)
  }

  @Test("lists the newest changes, and those since a place, by endpoint, key and operation")
  func listing() async throws {
    let log = try await ChangeLog(path: folder.file("log.db"), access: .writer)
    for start in stride(from: Int64(1), to: 100, by: 10) {
      try await log.append(batch(start...(start + 9)), from: SourceName("shop"))
    }
    let newest = try await log.newest(25, matching: LogFilter())
    #expect(newest.map(\.logged.sequence.number) == Array(76...100))
    let one = try await log.newest(5, matching: LogFilter(keys: [RecordKey(3)]))
    #expect(one.map(\.logged.sequence.number) == [66, 73, 80, 87, 94])
    #expect(Set(one.map(\.source)) == [SourceName("shop")])
    let since = try await log.entries(after: LogSequence(55), matching: LogFilter(endpoints: [Self.customers]))
    #expect(since.entries.map(\.logged.sequence.number) == Array(56...100) && since.through == LogSequence(100))
    #expect(try await log.newest(5, matching: LogFilter(operation: .truncate)).isEmpty)
  }
}
