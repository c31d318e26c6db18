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
  nonisolated let path: String
  package nonisolated let polling: [String: PollSettings]
  nonisolated let restrictions: [String: RowRestriction]
  /// The tables that are captured by triggers, as the configuration names them.
  let tables: [String]
  let bound: OutboxBound

  private var reader: SQLiteConnection
  private var writer: SQLiteConnection
  let watch: CommitWatch
  /// The file the connections were opened on.
  private(set) var file: FileIdentity
  var known: Installed?
  var lastRelease: ContinuousClock.Instant?
  /// Tables whose changes were let go and that were told, but not released.
  var letGo: Set<EndpointName> = []

  /// What was found installed, valid as long as the schema has this version.
  struct Installed: Sendable {
    var schemaVersion: Int64
    var epoch: String
    var outbox: OutboxReader
    /// Nil where no table is restricted.
    var restrictor: CaptureRestrictor?
  }

  /// - Parameters:
  ///   - name: of the database in the configuration; its changes are of `name.table`.
  ///   - path: of an existing file.
  ///   - tables: those to be captured, as the configuration names them, with or without `main.`.
  ///   - budget: what the outbox may keep; nil: no limit.
  ///   - polling: those of them that are polled, and how.
  ///   - restrictions: the tables of whose rows not everything is told, and what is.
  /// - Throws: `Failure` `sqlite.missing` where there is no file, else `SQLiteError`.
  package init(
    name: String, path: String, tables: [String], budget: Budget? = nil, polling: [String: PollSettings] = [:],
    restrictions: [String: RowRestriction] = [:]
  ) async throws {
    self.restrictions = restrictions
    self.name = SourceName(name)
    self.path = path
    self.polling = polling
    bound = OutboxBound(budget)
    self.tables = tables.filter { polling[$0] == nil }
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
    let now: FileIdentity
    // A file that was moved away says nothing of the records that were asked for.
    do { now = try FileIdentity(path: path) } catch { throw EndUnavailable(error) }
    if now != file {
      (reader, writer) = try await Self.connections(path)
      file = now
      known = nil
    }
    return (reader, writer)
  }

  package func table(_ name: String) async throws -> any ChangeTarget {
    let reader = try await current().reader
    let polling = polling[name]
    let shape = try await Self.patiently(reader, .deferred) { try TableShape(name, polling, in: $0) }
    return try SQLiteTable(database: self, shape: shape, restrictions[name])
  }

  package nonisolated func polledTable(_ name: String) -> any PolledTable {
    SQLitePolledTable(
      endpoint: EndpointName(system: self.name.description, name: name), settings: polling[name] ?? PollSettings(),
      restriction: restrictions[name], database: self)
  }

  package func columns(of table: String) async throws -> [String] {
    let polling = polling[table]
    let reader = try await current().reader
    return try await Self.patiently(reader, .deferred) { try TableShape(table, polling, in: $0).columns.map(\.name) }
  }

  /// Forgets what is known of the installation, which may have changed.
  func forget() { known = nil }

  /// Runs `body` in one transaction for which other processes' locks are waited for.
  /// - Throws: `Failure` `sqlite.busy` where a lock outlasts five seconds.
  static func patiently<Result: Sendable>(
    _ connection: SQLiteConnection, _ kind: SQLiteSession.TransactionKind,
    _ body: @Sendable (SQLiteSession) throws -> Result
  ) async throws -> Result {
    do {
      return try await connection.run { session in
        try session.waiting(atMost: .seconds(5)) { try session.transaction(kind) { try body(session) } }
      }
    } catch let error as SQLiteError where error.isBusy {
      throw Failure(
        code: "sqlite.busy",
        message: "another process kept \(connection.path) locked for 5 s: let it end its transaction, then try again")
    }
  }
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
