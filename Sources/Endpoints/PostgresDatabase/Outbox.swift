import Changes
import Postgres
import Synchronization

/// Reads the outbox by snapshot pairs and deletes what the log holds.
final class Outbox: Sendable {
  /// What may be deleted and was not yet.
  private struct Released {
    var place: OutboxPlace
    var epoch: String
  }

  private let system: String
  private let connection: PostgresConnection
  private let watch: InstallationWatch
  private let isNotified: Bool
  private let notedAt = Mutex<ContinuousClock.Instant?>(nil)
  private let released = Mutex<(owed: Released?, deletedAt: ContinuousClock.Instant)>((nil, .now))

  /// An empty answer at least this often, and triggers looked at as often.
  private static let heartbeat = InstallationWatch.heartbeat
  /// The wait after activity; it doubles up to the longest while nothing happens.
  private static let shortestWait = Duration.milliseconds(2)
  private static let longestWait = Duration.milliseconds(50)
  /// Where commits wake the reader: how long it looks at nothing else, such as its end.
  private static let notifiedWait = Duration.milliseconds(250)
  /// While much is written, deleting after each page would take as long as reading it: commits would wait to be noticed.
  private static let deleteEvery = Duration.milliseconds(50)

  private static let noteEvery = Duration.seconds(60)

  /// - Parameters:
  ///   - connection: used for nothing else while a call is under way.
  ///   - isNotified: whether commits notify the channel, which the connection's sessions listen to.
  init(system: String, connection: PostgresConnection, watch: InstallationWatch, isNotified: Bool) {
    self.system = system
    self.connection = connection
    self.watch = watch
    self.isNotified = isNotified
  }

  /// See `ChangeSource.next`. Polls, unless it is notified: a NOTIFY in every transaction makes the application's commits
  /// wait for each other.
  func next(after place: OutboxPlace, _ installation: Installation) async throws -> ChangeBatch {
    let started = ContinuousClock.now
    let names = installation.endpoints(of: system)
    var place = place
    var wait = Self.shortestWait
    while true {
      let page = try await page(after: place, names)
      place = page.through
      let isHeartbeat = started.duration(to: .now) >= Self.heartbeat
      if !page.changes.isEmpty || !page.letGo.isEmpty || isHeartbeat {
        // "Complete" is said only of what the triggers are known to have seen.
        if isHeartbeat { try await watch.requireUnchanged(installation) }
        if isHeartbeat, let budget = installation.budget, page.completeAsOf != nil {
          if let age = budget.age { try await noteReading(age) }
          try await reclaim()
        }
        var batch = ChangeBatch(
          page.changes, through: Position(epoch: installation.epoch, place: place.text),
          completeAsOf: page.completeAsOf)
        batch.letGo = page.letGo
        return batch
      }
      if page.completeAsOf == nil { continue }
      try await deleteReleased()
      try await rest(wait)
      wait = min(wait * 2, Self.longestWait)
    }
  }

  private func rest(_ wait: Duration) async throws {
    guard isNotified else { return try await Task.sleep(for: wait) }
    try Task.checkCancellation()
    _ = try await connection.run { try $0.waitForNotification(atMost: Self.notifiedWait) }
  }

  private func page(after place: OutboxPlace, _ names: [Int64: EndpointName]) async throws -> OutboxPage {
    do {
      return try await connection.run { try OutboxPage.read(after: place, $0) { names[$0] } }
    } catch let error as PostgresError where Self.isGone(error) {
      // What is installed says it better.
      _ = try await watch.look()
      throw error
    }
  }

  /// The triggers let changes go once nobody has read for as long as `age`. Noted often enough for that, and not oftener.
  private func noteReading(_ age: Duration) async throws {
    let isDue = notedAt.withLock { notedAt in
      guard notedAt.map({ $0.duration(to: .now) >= min(age / 10, Self.noteEvery) }) ?? true else { return false }
      notedAt = .now
      return true
    }
    if isDue {
      try await connection.run { _ = try $0.execute("UPDATE tidemark.installation SET read_at = clock_timestamp()") }
    }
  }

  /// An outbox that was full keeps its size on disk when its rows are deleted, and would be taken for full. Nothing that
  /// writes waits for this.
  private func reclaim() async throws {
    try await connection.run { session in
      let isDrained = try session.first(
        """
        SELECT CASE WHEN tidemark.is_full()
          THEN (SELECT count(*) FROM (SELECT FROM tidemark.outbox LIMIT 1000) few) < 1000 END
        """
      ) { $0.isNull(0) ? false : $0.bool(0) }
      if isDrained == true { try session.execute("VACUUM (TRUNCATE) tidemark.outbox") }
    }
  }

  /// Whether the outbox itself is gone.
  private static func isGone(_ error: PostgresError) -> Bool { ["42P01", "3F000"].contains(error.sqlState) }

  /// The rows that `place` covers are deleted soon. Does nothing for a position of another epoch: its rows are another
  /// life's.
  func release(through place: OutboxPlace, epoch: String) async throws {
    let isDue = released.withLock { state in
      state.owed = Released(place: place, epoch: epoch)
      return state.deletedAt.duration(to: .now) >= Self.deleteEvery
    }
    if isDue { try await deleteReleased() }
  }

  private func deleteReleased() async throws {
    let owed = released.withLock { state in
      defer { state = (nil, .now) }
      return state.owed
    }
    guard let owed else { return }
    do {
      try await connection.run { session in
        guard try Installation.isEpoch(owed.epoch, session) else { return }
        while try OutboxPage.delete(through: owed.place, session) {}
      }
    } catch let error as PostgresError where Self.isGone(error) {
      // The next `next` tells.
    }
  }
}
