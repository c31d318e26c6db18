import Backfill
import Capture
import Changes
import Glibc
import JSON
import Log
import Logging
import Mapping
import Polling
import Postgres
import PostgresDatabase
import Reconcile
import Replay
import SQLite
import SQLiteDatabase
import ServiceLifecycle
import Support
import Telemetry
import Testing

/// Every way in which changes of a table are captured.
enum CaptureKind: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case sqliteTriggers = "SQLite by triggers"
  case sqlitePolled = "SQLite polled"
  case postgresTriggers = "PostgreSQL by triggers"
  case postgresWAL = "PostgreSQL by its WAL"
  case postgresPolled = "PostgreSQL polled"

  var testDescription: String { rawValue }
  var isSQLite: Bool { self == .sqliteTriggers || self == .sqlitePolled }
  var isPolled: Bool { self == .sqlitePolled || self == .postgresPolled }
}

/// A table of a real database that is captured, backfilled and replayed into an object in memory, with everything between
/// them real. Its rows have a version that only grows.
struct BackfillScene: Sendable {
  static let table = "items"
  static let endpoint = EndpointName(system: "shop", name: table)
  static let link = LinkName("items")

  let kind: CaptureKind
  let folder = ScratchFolder()
  let log: ChangeLog
  let remote = MemoryEndpoint(EndpointName(system: "crm", name: "items"), makesKeys: true)
  let target: any ChangeTarget
  private let source: any ChangeSource
  private let url: String

  /// - Parameter columns: the table's, with `label`, `version` and its primary key.
  init(
    _ kind: CaptureKind, columns: String = "id integer PRIMARY KEY, label text NOT NULL, version integer NOT NULL"
  ) async throws {
    self.kind = kind
    url = kind.isSQLite ? folder.file("app.db") : try await ScratchPostgres.database()
    log = try await ChangeLog(path: folder.file("log.db"), access: .writer)
    let schema = "CREATE TABLE \(Self.table) (\(columns))"
    let settings = PollSettings(overlap: .zero, every: .zero, sweep: .zero)
    let polling = kind.isPolled ? [Self.table: settings] : [:]
    let database: any AttachedDatabase
    if kind.isSQLite {
      let made = try await SQLiteConnection(path: url, access: .create)
      try await made.run { try $0.execute("PRAGMA journal_mode = WAL") }
      try await made.run { try $0.execute(schema) }
      database = try await SQLiteDatabase(name: "shop", path: url, tables: [Self.table], polling: polling)
    } else {
      try await PostgresConnection(url: url).run { try $0.execute(schema) }
      database = try await PostgresDatabase(
        name: "shop", url: url, tables: [Self.table], capture: kind == .postgresWAL ? .wal : .trigger, polling: polling,
        images: log)
    }
    if kind.isPolled {
      source = TablePoller(database.polledTable(Self.table), settings, seen: log)
    } else {
      try await database.attach([Self.table])
      source = database
    }
    target = try await database.table(Self.table)
  }

  // MARK: - The application

  /// Runs statements in one transaction of a connection of its own, which stays open for `pause` before it commits.
  func execute(_ sql: String..., pause: Duration = .zero) async throws {
    let microseconds = UInt32(pause / .microseconds(1))
    try await hold(sql.joined(separator: ";\n")) { usleep(microseconds) }
  }

  /// Runs statements in a transaction that commits when `body` returns.
  func hold(_ sql: String, _ body: @escaping @Sendable () -> Void) async throws {
    if kind.isSQLite {
      try await SQLiteConnection(path: url, access: .write).transaction { session in
        try session.execute(sql)
        body()
      }
    } else {
      try await PostgresConnection(url: url).transaction { session in
        try session.execute(sql)
        body()
      }
    }
  }

  /// The versions by label.
  func versions() async throws -> [String: Int64] {
    let sql = "SELECT label, version FROM \(Self.table)"
    let rows =
      kind.isSQLite
      ? try await SQLiteConnection(path: url, access: .write).run { try $0.all(sql) { ($0.string(0), $0.integer(1)) } }
      : try await PostgresConnection(url: url).run { try $0.all(sql) { ($0.string(0), $0.integer(1)) } }
    return Dictionary(rows) { first, _ in first }
  }

  /// The versions by label that have arrived.
  func arrived() async -> [String: Int64] {
    let pairs = await remote.contents.values.map { ($0["label"]?.stringValue ?? "", $0["version"]?.integerValue ?? -1) }
    return Dictionary(pairs) { first, _ in first }
  }

  // MARK: - Tidemark

  /// Runs capture, replay and backfills while `body` runs, and until what the table holds has arrived.
  /// - Parameter reader: the table as backfills read it.
  func running(_ reader: (any RecordReader)? = nil, _ body: @escaping @Sendable () async throws -> Void) async throws {
    let telemetry = Telemetry(version: "test")
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let link = Link(
      name: Self.link, local: .init(name: Self.endpoint, target: target),
      remote: .init(name: EndpointName(system: "crm", name: "items"), target: remote),
      mapping: FieldMapping([
        MappedField(local: "label", remote: "label"), MappedField(local: "version", remote: "version"),
      ]),
      match: ["label"], policy: ConflictPolicy(), isTwoWay: false, idColumn: nil)
    let quiet = logger
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        try await CaptureLoop(source, into: log, telemetry: telemetry, logger: quiet) { _ in }.run()
      }
      group.addTask {
        try await ReplayLoop(
          link, .push, log: log, locks: RecordLocks(), lanes: 4, telemetry: telemetry, logger: quiet
        ).run()
      }
      group.addTask {
        let end = BackfillEnd(
          link: Self.link, side: .local, endpoint: Self.endpoint, reader: reader ?? target,
          source: kind.isPolled ? nil : SourceName("shop"))
        try await BackfillLoop([end], log: log, telemetry: telemetry, logger: quiet).run()
      }
      // What is written before the first watermark is nobody's change.
      try await eventually("capture has begun") { try await log.captureWatermark(of: source.name) != nil }
      try await body()
      try await eventually("every backfill has ended") {
        try await log.backfills().allSatisfy { !$0.state.isOpen }
      }
      try await eventually("what the table holds has arrived") { try await versions() == arrived() }
      group.cancelAll()
    }
  }

  /// The versions that were ever turned back at the target: none is right.
  func turnedBack() async -> [String] {
    var seen: [String: Int64] = [:]
    var labels: [RecordKey: String] = [:]
    var turned: [String] = []
    for entry in await remote.journal {
      if let label = entry.fields["label"]?.stringValue { labels[entry.key] = label }
      guard let label = labels[entry.key], let version = entry.fields["version"]?.integerValue else { continue }
      if let before = seen[label], before > version { turned.append("\(label): \(before) → \(version)") }
      seen[label] = version
    }
    return turned
  }
}

/// A table whose rows take a while from the read to the reader: what is committed meanwhile is not in them.
struct SlowReader: RecordReader {
  let table: any RecordReader
  let wait: @Sendable () async throws -> Void

  func rowCount(_ selection: BackfillSelection) async throws -> RowCount? { try await table.rowCount(selection) }

  func rows(_ selection: BackfillSelection, from position: Position?, limit: Int) async throws -> RowChunk {
    let chunk = try await table.rows(selection, from: position, limit: min(limit, 40))
    try await wait()
    return chunk
  }

  func records(_ keys: [RecordKey]) async throws -> [RecordKey: Record] { try await table.records(keys) }
  func find(_ match: JSONObject) async throws -> [Record] { try await table.find(match) }
  func chunk(from position: Position?, limit: Int) async throws -> Chunk {
    try await table.chunk(from: position, limit: limit)
  }
}
