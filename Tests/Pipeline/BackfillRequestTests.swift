import Changes
import JSON
import Log
import Support
import Testing

@testable import Backfill

@Suite struct BackfillRequestTests {
  private static let endpoint = EndpointName(system: "shop", name: "items")
  private static let link = LinkName("items")

  private let folder = ScratchFolder()
  private let log: ChangeLog

  init() async throws { log = try await ChangeLog(path: folder.file("log.db"), access: .writer) }

  private static func row(_ id: Int, stamp: Int64 = 1) -> ReadRow {
    ReadRow(key: RecordKey(.integer(id)), row: Array(#"{"id": \#(id)}"#.utf8), stamp: Stamp(stamp))
  }

  private func append(_ ids: [Int], _ backfill: Backfill, low: LogSequence? = nil, next: String? = "x") async throws
    -> Backfill?
  {
    let end = try await log.end()
    return try await log.append(
      BackfillChunk(
        ids.map { Self.row($0) }, next: next.map { Position(epoch: "e", place: $0) }, low: low ?? end),
      of: backfill, endpoint: Self.endpoint, rate: 1)
  }

  private func change(_ id: Int, _ operation: Operation = .update) async throws {
    let change = Change(
      operation, of: Self.endpoint, key: RecordKey(.integer(id)), row: Array("{}".utf8), stamp: Stamp(1),
      committedAt: .now)
    try await log.append(
      ChangeBatch([change], through: Position(epoch: "e", place: "1")), from: SourceName("shop"))
  }

  private var logged: [String] {
    get async throws {
      try await log.page(of: Self.endpoint, after: .start, limit: .max).changes.map {
        "\($0.change.operation) \($0.change.key)" + ($0.change.stamp == .readAgain ? " again" : "")
      }
    }
  }

  @Test func `What was asked for is what the log gives back`() async throws {
    let options = BackfillOptions(
      selection: BackfillSelection(condition: "city = 'Faro'", since: Timestamp(microseconds: 77)), rowsPerSecond: 9,
      mostLag: .milliseconds(1_500), isLogOnly: true)
    let asked = try await log.requestBackfill(
      of: Self.link, .remote, reason: "requested", options: options, total: RowCount(12, isExact: false))
    #expect(try await log.backfill(asked.id) == asked)
    #expect(asked.options == options && asked.state == .requested && asked.total == RowCount(12, isExact: false))

    let keys = (1...5).map { RecordKey(.integer($0)) }
    let keyed = try await log.requestBackfill(of: Self.link, .local, reason: "requested", keys: keys)
    #expect(keyed.options.hasKeys && keyed.total == RowCount(5, isExact: true))
    #expect(try await log.backfillKeys(of: keyed.id, after: 2, limit: 2) == Array(keys[2...3]))
  }

  @Test func `A row gives way to a change that entered the log after the chunk's low watermark, and to no other`()
    async throws
  {
    let backfill = try await log.requestBackfill(of: Self.link, .local, reason: "test")
    try await change(1)
    let low = try await log.end()
    try await change(2)
    try await change(3, .delete)
    _ = try await append([9], backfill)
    let after = try #require(try await append([1, 2, 3, 4, 9], backfill, low: low))
    #expect(
      try await logged == [
        "update 1", "update 2", "delete 3", "read 9", "read 1", "read 2 again", "read 3 again", "read 4", "read 9",
      ])
    #expect(after.rows == 6 && after.gaveWay == 2)
  }

  @Test func `A backfill that was paused or cancelled takes no row, and a paused one goes on where it was`()
    async throws
  {
    let asked = try await log.requestBackfill(of: Self.link, .local, reason: "test")
    let begun = try #require(try await append([1], asked))
    #expect(begun.state == .running && begun.place?.place == "x" && begun.lastKey == "1")
    _ = try await log.pauseBackfill(asked.id)
    #expect(try await append([2], begun) == nil)
    let resumed = try await log.resumeBackfill(asked.id)
    #expect(resumed.state == .requested && resumed.place == begun.place && resumed.rows == 1)
    let done = try #require(try await append([2], resumed, next: nil))
    #expect(done.state == .done && done.place == nil && done.endedAt != nil && done.share == 1)
    await #expect(throws: Failure.self) { try await log.resumeBackfill(asked.id) }
    await #expect(throws: Failure.self) { try await log.cancelBackfill(99) }

    let other = try await log.requestBackfill(of: Self.link, .local, reason: "test")
    #expect(try await log.cancelBackfill(other.id).state == .cancelled)
    #expect(try await append([3], other) == nil)
    #expect(try await logged == ["read 1", "read 2"])
  }

  @Test func `A chunk grows to a quarter of a second of reading, shrinks at once, and keeps to its bounds`() {
    var now = ContinuousClock.now
    var pace = ChunkPace(rowsPerSecond: nil, at: now)
    func read(_ microsecondsARow: Int) {
      let time = Duration.microseconds(microsecondsARow * pace.limit)
      now += time
      pace.took(time, rows: pace.limit, at: now)
    }
    var sizes: [Int] = []
    for _ in 0..<8 {
      sizes.append(pace.limit)
      read(50)
    }
    #expect(sizes == [500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000, 5_000])
    #expect(pace.rate.map { abs($0 - 20_000) < 1 } == true)
    read(5_000)
    #expect(pace.limit == ChunkPace.bounds.lowerBound)
    for _ in 0..<12 { read(1) }
    #expect(pace.limit == ChunkPace.bounds.upperBound)
  }

  @Test func `The rate that was asked for is kept, in chunks of a quarter of a second`() {
    var now = ContinuousClock.now
    let start = now
    var pace = ChunkPace(rowsPerSecond: 100, at: now)
    var rows = 0
    while rows < 1_000 {
      now += pace.pause(at: now)
      #expect(pace.limit == 25)
      now += .milliseconds(3)
      pace.took(.milliseconds(3), rows: pace.limit, at: now)
      rows += pace.limit
    }
    #expect(now - start >= .seconds(9.7) && now - start < .seconds(11))
  }

  @Test func `What may wait to be delivered is what a quarter of a second delivers`() {
    var pace = ChunkPace(rowsPerSecond: nil, at: .now)
    for _ in 0..<40 { pace.delivered(400, in: .milliseconds(100)) }
    #expect(abs(pace.room - 1_000) < 20)
    for _ in 0..<200 { pace.delivered(0, in: .milliseconds(50)) }
    #expect(pace.room == Int64(ChunkPace.bounds.lowerBound))
  }

  @Test func `The lag of live changes is the 99th percentile of the last while`() {
    var lag = LiveLag()
    let start = ContinuousClock.now
    #expect(lag.p99 == 0)
    for second in 0..<200 { lag.observe(second == 150 ? 9 : 0.1, at: start + .milliseconds(second * 10)) }
    #expect(lag.p99 == 0.1)
    for second in 200..<203 { lag.observe(9, at: start + .milliseconds(second * 10)) }
    #expect(lag.p99 == 9)
    lag.observe(0.2, at: start + .seconds(60))
    #expect(lag.p99 == 0.2)
  }
}
