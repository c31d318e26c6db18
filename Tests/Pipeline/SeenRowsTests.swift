import Changes
import JSON
import Log
import Support
import Testing

/// What the log keeps of the rows that polling told.
struct SeenRowsTests {
  private let folder = ScratchFolder()
  private static let source = SourceName("shop.items")

  private static func batch(_ seen: [SeenRow], through place: String) -> ChangeBatch {
    var batch = ChangeBatch([], through: Position(epoch: "e", place: place))
    batch.seen = seen
    return batch
  }

  private static func hash(_ number: UInt64) -> RowHash { RowHash(high: number, low: ~number) }

  @Test func `Rows are remembered with the batch that told them, and survive a restart`() async throws {
    let keys = (1...5).map { RecordKey([.integer($0), "ä\"x"]) }
    do {
      let log = try await ChangeLog(path: folder.file("log.db"), access: .writer)
      try await log.append(
        Self.batch(keys.enumerated().map { SeenRow(key: $1, hash: Self.hash(UInt64($0))) }, through: "1"),
        from: Self.source)
      try await log.append(
        Self.batch([SeenRow(key: keys[0], hash: nil), SeenRow(key: keys[1], hash: Self.hash(.max))], through: "2"),
        from: Self.source)
    }
    let log = try await ChangeLog(path: folder.file("log.db"), access: .reader)
    let seen = try await log.seen(keys, of: Self.source)
    #expect(seen.count == 4 && seen[keys[0]] == nil)
    #expect(seen[keys[1]] == Self.hash(.max) && seen[keys[4]] == Self.hash(4))
    #expect(try await log.seen(keys, of: SourceName("shop.others")).isEmpty)
    #expect(try await log.captureWatermark(of: Self.source)?.place == "2")
  }

  @Test func `What a backfill reads of a polled table is known, and of others nothing is kept`() async throws {
    let log = try await ChangeLog(path: folder.file("log.db"), access: .writer)
    let told = RecordKey(1)
    try await log.append(Self.batch([SeenRow(key: told, hash: Self.hash(7))], through: "1"), from: Self.source)
    for table in ["items", "others"] {
      let backfill = try await log.requestBackfill(of: LinkName(table), .local, reason: Backfill.initial)
      let rows = (1...3).map { ReadRow(key: RecordKey(.integer($0)), row: Array("{}".utf8), stamp: Stamp(1)) }
      _ = try await log.append(
        BackfillChunk(rows, next: nil, low: .start), of: backfill, endpoint: EndpointName(system: "shop", name: table),
        rate: 1)
    }
    let seen = try await log.seen((1...3).map { RecordKey(.integer($0)) }, of: Self.source)
    #expect(seen == [told: Self.hash(7), RecordKey(2): .unknown, RecordKey(3): .unknown])
    #expect(try await log.seenSources() == [Self.source])
  }

  @Test func `Known keys come in pages that leave none out`() async throws {
    let log = try await ChangeLog(path: folder.file("log.db"), access: .writer)
    let keys = (1...25).map { RecordKey([.integer($0), .string(String(repeating: "k", count: $0 % 3))]) }
    try await log.append(
      Self.batch(keys.map { SeenRow(key: $0, hash: Self.hash(1)) }, through: "1"), from: Self.source)
    var found: [RecordKey] = []
    while true {
      let page = try await log.seenKeys(of: Self.source, after: found.last, limit: 4)
      found += page
      if page.count < 4 { break }
    }
    #expect(found.count == 25 && Set(found) == Set(keys))
  }

  @Test func `Forgetting a source takes its rows and its place, and nobody else's`() async throws {
    let log = try await ChangeLog(path: folder.file("log.db"), access: .writer)
    let other = SourceName("shop.others")
    for source in [Self.source, other] {
      try await log.append(
        Self.batch([SeenRow(key: RecordKey(1), hash: Self.hash(1))], through: "1"), from: source)
    }
    #expect(try await log.seenSources() == [Self.source, other])
    try await log.forgetRows(of: Self.source)
    #expect(try await log.seenSources() == [other])
    #expect(try await log.captureWatermark(of: Self.source) == nil)
    #expect(try await log.seenKeys(of: Self.source, after: nil, limit: 5).isEmpty)
    #expect(try await log.seenKeys(of: other, after: nil, limit: 5) == [RecordKey(1)])
  }

  @Test(arguments: [RowHash.unknown, RowHash(high: 1, low: .max), RowHash(high: 0x0102_0304_0506_0708, low: 9)])
  func `A hash is what its bytes say`(hash: RowHash) {
    #expect(hash.bytes.count == 16 && RowHash(bytes: hash.bytes) == hash)
    #expect(RowHash(bytes: hash.bytes.dropLast()) == nil)
  }
}
