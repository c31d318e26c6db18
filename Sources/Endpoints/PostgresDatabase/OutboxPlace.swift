import Changes
import Postgres

/// A `pg_snapshot`: which transactions were over at a moment.
struct Snapshot: Hashable, Sendable {
  let text: String
  /// - Parameter text: `xmin:xmax:xid,xid,…` as PostgreSQL writes it; nil if it is not that.
  init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 3, UInt64(parts[0]) != nil, UInt64(parts[1]) != nil,
      parts[2].split(separator: ",").allSatisfy({ UInt64($0) != nil })
    else { return nil }
    self.text = text
  }

  /// That of the session's next statement.
  static func current(_ session: PostgresSession) throws -> Snapshot? {
    try session.first("SELECT pg_current_snapshot()") { Snapshot($0.string(0)) } ?? nil
  }

  /// Whether one of some transactions of the recent past was not over yet.
  /// - Parameter xids: without their epochs, as the WAL tells them.
  func isRunning(anyOf xids: [UInt32]) -> Bool {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    let end = UInt32(truncatingIfNeeded: UInt64(parts[1]) ?? 0)
    let running = Set(parts[2].split(separator: ",").map { UInt32(truncatingIfNeeded: UInt64($0) ?? 0) })
    return xids.contains { Int32(bitPattern: $0 &- end) >= 0 || running.contains($0) }
  }

  private init() { text = "3:3:" }

  /// Before every transaction: ordinary transactions are numbered from 3 on.
  static let beginning = Snapshot()
}

/// A place in the outbox (DESIGN, invariant 2): everything visible in snapshot `seen` was read and, inside a window,
/// everything of the next snapshot up to an id.
///
/// No id bounds where a window begins: transactions at or above a snapshot's `xmax`, which is only the last completed
/// one plus one, may have drawn ids long before it.
struct OutboxPlace: Hashable, Sendable {
  struct Window: Hashable, Sendable {
    var snapshot: Snapshot
    /// The last id read.
    var lastId: Int64
  }

  var seen = Snapshot.beginning
  var window: Window?
}

extension OutboxPlace {
  /// The inverse of `text`; nil for anything else.
  init?(_ text: String) {
    let parts = text.split(separator: ";", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 1 || parts.count == 3, let seen = Snapshot(parts[0]) else { return nil }
    self.init(seen: seen)
    guard parts.count == 3 else { return }
    guard let snapshot = Snapshot(parts[1]), let lastId = Int64(parts[2]) else { return nil }
    window = Window(snapshot: snapshot, lastId: lastId)
  }

  var text: String { window.map { "\(seen.text);\($0.snapshot.text);\($0.lastId)" } ?? seen.text }
}
