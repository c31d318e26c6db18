package import Changes
import CLinux
import Glibc
import SQLite

/// An attached SQLite database: triggers write its changes to an outbox inside it, in the application's own transactions.
///
/// The journal mode stays the user's. Reading is done in short transactions, so that a writer of a database with a
/// rollback journal never waits noticeably.
package actor SQLiteDatabase: AttachedDatabase {
  package nonisolated let name: SourceName
  nonisolated let system: String
  nonisolated let path: String
  /// The tables as the configuration names them.
  private let tables: [String]

  private var reader: SQLiteConnection
  private var writer: SQLiteConnection
  private let watch: CommitWatch
  /// The file the connections were opened on.
  private var file: FileIdentity
  private var known: Installed?
  private var lastRelease: ContinuousClock.Instant?

  /// What was found installed, valid as long as the schema has this version.
  struct Installed: Sendable {
    var schemaVersion: Int64
    var epoch: String
    var captured: [Int64: Installation.Captured]
    var names: [String: String]
  }

  /// - Parameters:
  ///   - name: of the database in the configuration; its changes are of `name.table`.
  ///   - path: of an existing file.
  ///   - tables: as the configuration names them, with or without `main.`.
  /// - Throws: `Failure` `sqlite.missing` where there is no file, else `SQLiteError`.
  package init(name: String, path: String, tables: [String]) async throws {
    self.name = SourceName(name)
    self.system = name
    self.path = path
    self.tables = tables
    file = try FileIdentity(path: path)
    (reader, writer) = try await Self.connections(path)
    watch = CommitWatch(path: path)
  }

  private static func connections(_ path: String) async throws -> (SQLiteConnection, SQLiteConnection) {
    // Opened to write so that a WAL file can be recovered, but told to write nothing.
    let reader = try await SQLiteConnection(path: path, access: .write, busyTimeout: .milliseconds(500))
    try await reader.run { try $0.execute("PRAGMA query_only = ON") }
    let writer = try await SQLiteConnection(path: path, access: .write, busyTimeout: .seconds(5))
    try await writer.run { try $0.execute("PRAGMA foreign_keys = ON") }
    return (reader, writer)
  }

  /// Opens the file anew if another one stands at its path.
  func current() async throws -> (reader: SQLiteConnection, writer: SQLiteConnection) {
    let now = try FileIdentity(path: path)
    if now != file {
      (reader, writer) = try await Self.connections(path)
      file = now
      known = nil
    }
    return (reader, writer)
  }

  package func table(_ name: String) async throws -> any ChangeTarget {
    let shape = try await current().reader.transaction(.deferred) { try TableShape(name, in: $0) }
    return SQLiteTable(database: self, shape: shape)
  }
}

extension SQLiteDatabase {
  package func next(after position: Position?) async throws -> ChangeBatch {
    let deadline = ContinuousClock.now + .milliseconds(900)
    while true {
      let checked = ContinuousClock.now
      let batch = try await read(after: position, asOf: checked)
      if !batch.changes.isEmpty || batch.through != position || checked >= deadline { return batch }
      try Task.checkCancellation()
      guard await watch.wait(milliseconds: 500) else { continue }
      // The file may change a moment before the commit can be seen.
      for pause in [0, 50, 200] {
        if pause > 0 { try await Task.sleep(for: .microseconds(pause)) }
        let batch = try await read(after: position, asOf: .now)
        if !batch.changes.isEmpty || batch.through != position { return batch }
      }
    }
  }

  private func read(after position: Position?, asOf instant: ContinuousClock.Instant) async throws -> ChangeBatch {
    let reader = try await current().reader
    let (file, known, tables, system, source) = (file, known, tables, system, name)
    let (batch, installed) = try await reader.transaction(.deferred) { session in
      let version = try session.first("PRAGMA main.schema_version") { $0.integer(0) } ?? 0
      let installed =
        try known?.schemaVersion == version
        ? known : Self.look(in: session, version: version, file: file, tables: tables, source: source)
      guard var installed else { throw CaptureGap(source: source, reason: "nothing is installed", resume: nil) }
      // A repaired installation renews the epoch without changing the schema's version at times.
      installed.epoch = try Self.epoch(file, in: session)
      let place = try Self.place(position, installed, source, in: session)
      let outbox = OutboxReader(system: system, names: installed.names)
      let (changes, through) = try outbox.read(after: place, installed.captured, in: session)
      let isDrained = try through >= highestStamp(in: session).number || through == place
      let batch = ChangeBatch(
        changes, through: Position(epoch: installed.epoch, place: String(through)),
        completeAsOf: isDrained ? instant : nil)
      return (batch, installed)
    }
    self.known = installed
    return batch
  }

  private static func look(
    in session: SQLiteSession, version: Int64, file: FileIdentity, tables: [String], source: SourceName
  ) throws -> Installed {
    let installation = try Installation(in: session)
    if let flaw = try installation.flaw(in: session) {
      throw CaptureGap(
        source: source, reason: "\(flaw); attach again, then a backfill heals what was not seen", resume: nil)
    }
    var names: [String: String] = [:]
    for table in tables {
      let shape = try TableShape(table, in: session)
      guard installation.captured.contains(where: { $0.isActive && $0.name == shape.name }) else {
        throw CaptureGap(source: source, reason: "table \(table) is not captured; attach first", resume: nil)
      }
      names[shape.name] = table
    }
    return Installed(
      schemaVersion: version, epoch: try epoch(file, in: session),
      captured: Dictionary(uniqueKeysWithValues: installation.captured.map { ($0.id, $0) }), names: names)
  }

  private static func epoch(_ file: FileIdentity, in session: SQLiteSession) throws -> String {
    let row = try session.first("SELECT epoch FROM main.\"_tidemark_epoch\" WHERE id = 1") { $0.string(0) }
    return "\(file):\(row ?? "")"
  }

  private static func place(
    _ position: Position?, _ installed: Installed, _ source: SourceName, in session: SQLiteSession
  ) throws -> Int64 {
    guard let position else { return 0 }
    let start = Position(epoch: installed.epoch, place: "0")
    guard position.epoch == installed.epoch, let place = Int64(position.place) else {
      throw CaptureGap(
        source: source, reason: "the file was replaced, or capture in it was interrupted or made anew", resume: start)
    }
    let highest = try highestStamp(in: session).number
    guard place <= highest else {
      throw CaptureGap(
        source: source, reason: "the database went back from change \(place) to \(highest): an older copy was restored",
        resume: start)
    }
    return place
  }

  package func release(through position: Position) async throws {
    let now = ContinuousClock.now
    if let lastRelease, now - lastRelease < .seconds(1) { return }
    guard let place = Int64(position.place), position.epoch == known?.epoch else { return }
    lastRelease = now
    let (reader, writer) = try await current()
    // Looking first: a delete of nothing would still take the write lock.
    let oldest = try await reader.run { session in
      try session.first("SELECT min(id) FROM main.\"_tidemark_outbox\"") { $0.isNull(0) ? nil : $0.integer(0) } ?? nil
    }
    guard let oldest, oldest <= place else { return }
    do {
      try await writer.run { session in
        try session.execute("PRAGMA busy_timeout = 50")
        defer { try? session.execute("PRAGMA busy_timeout = 5000") }
        var isMore = true
        var chunks = 0
        while isMore && chunks < 50 {
          try session.execute(
            "DELETE FROM main.\"_tidemark_outbox\" WHERE id IN (SELECT id FROM main.\"_tidemark_outbox\" "
              + "WHERE id <= ? ORDER BY id LIMIT 1000)", [.integer(place)])
          isMore = session.changes == 1000
          chunks += 1
        }
      }
    } catch let error as SQLiteError where error.isBusy {
      // The application comes first; the rows wait for the next time.
    }
  }

  /// Forgets what is known of the installation, which was changed.
  func forget() { known = nil }
}

/// Which file stands at a path. Never opens it: closing a descriptor would drop SQLite's locks (fcntl(2)).
struct FileIdentity: Hashable, Sendable, CustomStringConvertible {
  let device: UInt64
  let inode: UInt64

  init(path: String) throws(Failure) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else {
      throw Failure(code: "sqlite.missing", message: "there is no file \(path): check the path of the database")
    }
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
  }

  var description: String { "\(device):\(inode)" }
}
