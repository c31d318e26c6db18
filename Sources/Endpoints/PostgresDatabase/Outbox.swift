import Changes
import Postgres

/// Reads the outbox by snapshot pairs and deletes what the log holds.
struct Outbox: Sendable {
  private let system: String
  private let connection: PostgresConnection
  private let watch: InstallationWatch

  /// An empty answer at least this often, and triggers looked at as often.
  private static let heartbeat = InstallationWatch.heartbeat
  /// The wait after activity; it doubles up to the longest while nothing happens.
  private static let shortestWait = Duration.milliseconds(2)
  private static let longestWait = Duration.milliseconds(50)

  init(system: String, connection: PostgresConnection, watch: InstallationWatch) {
    self.system = system
    self.connection = connection
    self.watch = watch
  }

  /// See `ChangeSource.next`. Polls: a NOTIFY in every transaction would make the application's commits wait for each
  /// other.
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
        if isHeartbeat, installation.budget != nil, page.completeAsOf != nil { try await reclaim() }
        var batch = ChangeBatch(
          page.changes, through: Position(epoch: installation.epoch, place: place.text),
          completeAsOf: page.completeAsOf)
        batch.letGo = page.letGo
        return batch
      }
      if page.completeAsOf == nil { continue }
      try await Task.sleep(for: wait)
      wait = min(wait * 2, Self.longestWait)
    }
  }

  private func page(after place: OutboxPlace, _ names: [Int64: EndpointName]) async throws -> OutboxPage {
    do {
      return try await connection.run { try OutboxPage.read(after: place, $0) { names[$0] } }
    } catch let error as PostgresError where error.sqlState == "42P01" || error.sqlState == "3F000" {
      // The outbox itself is gone: what is installed says it better.
      _ = try await watch.look()
      throw error
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

  /// Does nothing for a position of another epoch: its rows are another life's.
  func release(through place: OutboxPlace, epoch: String) async throws {
    try await connection.run { session in
      guard let installation = try Installation.load(session), installation.epoch == epoch else { return }
      while try OutboxPage.delete(through: place, session) {}
    }
  }
}
