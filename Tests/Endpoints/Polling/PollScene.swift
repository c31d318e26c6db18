import Changes
import Dispatch
import JSON
import Log
import Postgres
import PostgresDatabase
import SQLite
import SQLiteDatabase
import Support
import Testing

@testable import Polling

/// The databases that are polled, through one suite.
enum PolledKind: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case sqlite = "SQLite"
  case postgres = "PostgreSQL"

  var testDescription: String { rawValue }
  /// A type of times, and the expression for the present one.
  var time: String { self == .sqlite ? "TEXT" : "timestamptz" }
  var now: String { self == .sqlite ? "strftime('%Y-%m-%d %H:%M:%f', 'now')" : "clock_timestamp()" }
}

/// A table of an application that is polled into a real log, as capture does it.
actor PollScene {
  private enum Application: Sendable {
    case sqlite(SQLiteConnection, path: String)
    case postgres(PostgresConnection, url: String)
  }

  nonisolated let kind: PolledKind
  nonisolated let table: String
  private let application: Application
  private let folder = ScratchFolder()
  private var log: ChangeLog
  private var settings: PollSettings
  private let restrictions: [String: RowRestriction]
  private var poller: TablePoller
  private(set) var position: Position?
  /// Everything told so far, in the order of the log.
  private(set) var told: [Change] = []

  /// - Parameter settings: without waits of their own, unless a test is about them.
  init(
    _ kind: PolledKind, _ schema: String, table: String = "items", _ settings: PollSettings,
    restriction: RowRestriction? = nil
  ) async throws {
    restrictions = restriction.map { [table: $0] } ?? [:]
    self.kind = kind
    self.table = table
    self.settings = settings
    switch kind {
    case .sqlite:
      let path = folder.file("app.db")
      application = .sqlite(try await SQLiteConnection(path: path, access: .create), path: path)
    case .postgres:
      let url = try await ScratchPostgres.database()
      application = .postgres(PostgresConnection(url: url), url: url)
    }
    log = try await ChangeLog(path: folder.file("log.db"), access: .writer)
    try await Self.execute(schema, application)
    poller = try await Self.poller(application, table, settings, restrictions, log)
  }

  /// Polled without pauses; sweeps only when asked for, unless `sweep` says otherwise.
  static func hurried(cursor: String?, sweep: Duration = .seconds(3600), key: [String] = []) -> PollSettings {
    PollSettings(cursor: cursor, key: key, overlap: .zero, every: .zero, sweep: sweep, deletes: 1)
  }

  /// The deletes that wait for somebody to say that they are meant.
  var held: [HeldSweep] { get async throws { try await log.heldSweeps() } }

  func confirm() async throws {
    for sweep in try await held { try await log.confirm(sweep) }
  }

  nonisolated var url: String {
    switch application {
    case .sqlite(_, let path): path
    case .postgres(_, let url): url
    }
  }

  private static func database(
    _ application: Application, _ table: String, _ settings: PollSettings, _ restrictions: [String: RowRestriction]
  ) async throws -> any AttachedDatabase {
    switch application {
    case .sqlite(_, let path):
      try await SQLiteDatabase(
        name: "shop", path: path, tables: [table], polling: [table: settings], restrictions: restrictions)
    case .postgres(_, let url):
      try await PostgresDatabase(
        name: "shop", url: url, tables: [table], capture: .poll, polling: [table: settings],
        restrictions: restrictions)
    }
  }

  private static func poller(
    _ application: Application, _ table: String, _ settings: PollSettings, _ restrictions: [String: RowRestriction],
    _ log: ChangeLog
  ) async throws -> TablePoller {
    let database = try await database(application, table, settings, restrictions)
    return TablePoller(database.polledTable(table), settings, seen: log)
  }

  // MARK: - The application

  /// Statements in one transaction.
  func execute(_ sql: String...) async throws { try await Self.execute(sql.joined(separator: ";\n"), application) }

  private static func execute(_ sql: String, _ application: Application) async throws {
    switch application {
    case .sqlite(let connection, _): try await connection.transaction { try $0.execute(sql) }
    case .postgres(let connection, _): try await connection.transaction { try $0.execute(sql) }
    }
  }

  /// Statements in a transaction that comes to nothing.
  func rollBack(_ sql: String) async throws {
    let sql = "BEGIN;\n\(sql);\nROLLBACK"
    switch application {
    case .sqlite(let connection, _): try await connection.run { try $0.execute(sql) }
    case .postgres(let connection, _): try await connection.run { try $0.execute(sql) }
    }
  }

  func value(_ sql: String) async throws -> String {
    switch application {
    case .sqlite(let connection, _): try await connection.run { try $0.first(sql) { $0.string(0) } } ?? ""
    case .postgres(let connection, _): try await connection.run { try $0.first(sql) { $0.string(0) } } ?? ""
    }
  }

  /// What the table holds, read as an end of a link is read.
  func contents() async throws -> [RecordKey: JSONObject] {
    let target = try await Self.database(application, table, settings, restrictions).table(table)
    var contents: [RecordKey: JSONObject] = [:]
    var place: Position?
    repeat {
      let chunk = try await target.chunk(from: place, limit: 500)
      for record in chunk.records { contents[record.key] = record.fields }
      place = chunk.next
    } while place != nil
    return contents
  }

  // MARK: - Capture

  var state: PollState { position.flatMap { PollState(text: $0.place) } ?? PollState() }

  /// A new process: what the log holds is all that is left.
  func restart(_ settings: PollSettings? = nil) async throws {
    self.settings = settings ?? self.settings
    poller = try await Self.poller(application, table, self.settings, restrictions, log)
    position = try await log.captureWatermark(of: SourceName("shop.\(table)"))
  }

  /// One batch, made durable.
  func turn() async throws {
    let batch = try await poller.next(after: position)
    try await append(batch)
  }

  /// Two batches, the second asked for before the first is durable.
  func overlappingTurns() async throws {
    let first = try await poller.next(after: position)
    let second = try await poller.next(after: first.through)
    try await append(first)
    try await append(second)
  }

  /// A batch that never reaches the log.
  func lostTurn() async throws { _ = try await poller.next(after: position) }

  /// The position is now one of another epoch.
  func leaveLife() { position = position.map { Position(epoch: "another", place: $0.place) } }

  func cross(_ gap: CaptureGap) async throws {
    position = gap.resume
    try await log.cross(gap, to: try #require(gap.resume))
  }

  private func append(_ batch: ChangeBatch) async throws {
    try await log.append(batch, from: poller.name)
    told += batch.changes
    position = batch.through
  }

  /// Goes on until the beginning is over: all rows were read, and what came late to the first mark too.
  func begin() async throws {
    try await turns { state, _ in state.sweptAt != nil && state.sweep == nil && state.late == nil && !state.owesSweep }
  }

  /// Goes on until a round that begins now has come to its end.
  func round() async throws { try await turns { state, start in state.roundAt.map { $0 >= start } ?? false } }

  /// Goes on until a sweep that begins now has come to its end.
  /// - Parameter meanwhile: what happens when the first rows of it were read, and a round before it goes on.
  func sweep(meanwhile: (@Sendable () async throws -> Void)? = nil) async throws {
    let usual = settings
    settings.sweep = .zero
    poller = try await Self.poller(application, table, settings, restrictions, log)
    if let meanwhile {
      while state.sweep?.phase == nil || state.sweep?.phase == .rows(nil) { try await turn() }
      try await meanwhile()
    }
    try await turns { state, start in state.sweptAt.map { $0 >= start } ?? false }
    settings = usual
    poller = try await Self.poller(application, table, settings, restrictions, log)
  }

  private func turns(until isOver: (PollState, Timestamp) -> Bool) async throws {
    let start = Timestamp.now
    for _ in 0..<10_000 {
      try await turn()
      if state.round == nil, isOver(state, start) { return }
    }
    throw NotReached(description: "polling never comes to an end: \(state.text)")
  }

  /// What was told since `count` changes had been told.
  func news(since count: Int = 0) -> [String] { told.dropFirst(count).map { "\($0.operation) \($0.key)" } }

  /// The table as whoever applies what was told has it.
  var replayed: [RecordKey: JSONObject] {
    get throws {
      var rows: [RecordKey: JSONObject] = [:]
      for change in told {
        rows[change.key] = change.operation == .delete ? nil : try JSONObject(parsing: change.row)
      }
      return rows
    }
  }
}

/// A transaction of an application that has written and is left open.
struct SlowTransaction {
  private let connection: PostgresConnection
  private let ending: Task<Void, any Error>
  private let end = DispatchSemaphore(value: 0)

  /// Returns when `sql` was executed.
  init(_ url: String, _ sql: String) async throws {
    let connection = PostgresConnection(url: url)
    let (written, writes) = AsyncStream.makeStream(of: Void.self)
    let end = end
    ending = Task {
      try await connection.run { session in
        defer { writes.finish() }
        try session.execute("BEGIN; \(sql)")
        writes.finish()
        // The connection has a thread of its own.
        end.wait()
        try session.execute("COMMIT")
      }
    }
    self.connection = connection
    for await _ in written {}
  }

  func commit() async throws {
    end.signal()
    try await ending.value
  }
}
