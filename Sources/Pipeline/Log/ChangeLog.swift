package import Changes
import Migrations
import SQLite

/// The durable outbox log: everything that travels passes through it, ordered by sequence.
///
/// One process writes it (see `WriterLease`), any number read it meanwhile. A transaction that returned is on disk
/// (`synchronous=FULL`). Changes enter together with the capture watermark that covers them, and leave by
/// settlements that move a link's replay watermark together with everything the change's ending means.
package actor ChangeLog {
  package enum Access: Sendable {
    /// Takes the lease and brings the schema up to date; makes the file where there is none.
    case writer
    /// Reads beside a running service, or after it.
    case reader
  }

  package nonisolated let path: String
  /// Tells this log from every other one.
  package nonisolated let identity: String
  let writer: SQLiteConnection
  let reader: SQLiteConnection
  private let lease: WriterLease?

  nonisolated let settlements = SettlementQueue()
  private var subscribers: [Int: (endpoint: EndpointName, continuation: AsyncStream<Void>.Continuation)] = [:]
  private var subscriptions = 0

  /// - Throws: `LogError`, or what SQLite says of the file.
  package init(path: String, access: Access) async throws {
    self.path = path
    switch access {
    case .writer:
      lease = try WriterLease(log: path)
      writer = try await SQLiteConnection(path: path, access: .create)
      try await writer.run(Self.prepare)
      try await writer.run { try Self.migrate($0, path: path) }
    case .reader:
      lease = nil
      do {
        writer = try await SQLiteConnection(path: path, access: .write)
      } catch {
        throw LogError.missing(path: path)
      }
      _ = try await writer.run { try Self.checkVersion($0, path: path) }
    }
    reader = try await SQLiteConnection(path: path, access: .read)
    identity = try await reader.run { try $0.first("SELECT identity FROM log_end") { $0.string(0) } ?? "" }
  }

  /// The process that writes the log now, as it calls itself; nil if none does.
  package nonisolated var holder: String? { WriterLease.holder(log: path) }

  /// Rings after each append that holds changes of `endpoint`. Rings are not counted: one stands for many.
  package func appends(to endpoint: EndpointName) -> AsyncStream<Void> {
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    subscriptions += 1
    let number = subscriptions
    subscribers[number] = (endpoint, continuation)
    continuation.onTermination = { [weak self] _ in
      guard let self else { return }
      Task { await self.unsubscribe(number) }
    }
    return stream
  }

  private func unsubscribe(_ number: Int) { subscribers[number] = nil }

  func ring(_ changes: [Change]) {
    for subscriber in subscribers.values where changes.contains(where: { $0.endpoint == subscriber.endpoint }) {
      subscriber.continuation.yield()
    }
  }

  private static func prepare(_ session: SQLiteSession) throws {
    // Blocks are large values: 16 KB pages write them at three times the speed of 4 KB ones. Only a new file takes it.
    try session.execute("PRAGMA page_size = 16384")
    try session.execute("PRAGMA journal_mode = WAL")
    try session.execute("PRAGMA synchronous = FULL")
  }

  private static func migrate(_ session: SQLiteSession, path: String) throws {
    try session.transaction(.immediate) {
      let version = try checkVersion(session, path: path)
      for migration in Migrations.log where migration.number > version {
        try session.execute(migration.sql)
        try session.execute("PRAGMA user_version = \(migration.number)")
      }
    }
  }

  @discardableResult
  private static func checkVersion(_ session: SQLiteSession, path: String) throws -> Int {
    let version = try session.first("PRAGMA user_version") { Int($0.integer(0)) } ?? 0
    let known = Migrations.log.last?.number ?? 0
    guard version <= known else { throw LogError.tooNew(path: path, migration: version, known: known) }
    return version
  }
}
