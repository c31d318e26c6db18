import Changes
import Postgres

/// Reads the outbox by snapshot pairs and deletes what the log holds.
actor Outbox {
  private let source: SourceName
  private let system: String
  private let tables: [String]
  private let connection: PostgresConnection
  private var verified: (installation: Installation, at: ContinuousClock.Instant)?

  /// An empty answer at least this often, and triggers looked at as often.
  private static let heartbeat = Duration.seconds(1)
  /// The wait after activity; it doubles up to the longest while nothing happens.
  private static let shortestWait = Duration.milliseconds(2)
  private static let longestWait = Duration.milliseconds(50)

  init(source: SourceName, system: String, tables: [String], connection: PostgresConnection) {
    self.source = source
    self.system = system
    self.tables = tables
    self.connection = connection
  }

  /// See `ChangeSource.next`. Polls: a NOTIFY in every transaction would make the application's commits wait for each
  /// other.
  func next(after position: Position?) async throws -> ChangeBatch {
    let started = ContinuousClock.now
    let installation = try await verify(position)
    let epoch = installation.epoch
    var place = try place(of: position, in: installation)
    var wait = Self.shortestWait
    while true {
      let names = Dictionary(installation.captured.map { ($0.relation, $0.name) }) { first, _ in first }
      let start = place
      let system = system
      let page = try await page(after: start, position) { names[$0].map { EndpointName(system: system, name: $0) } }
      place = page.through
      let isHeartbeat = started.duration(to: .now) >= Self.heartbeat
      if !page.changes.isEmpty || isHeartbeat {
        // "Complete" is said only of what the triggers are known to have seen.
        let through = Position(epoch: epoch, place: place.text)
        if isHeartbeat { _ = try self.place(of: through, in: await verify(position)) }
        return ChangeBatch(page.changes, through: through, completeAsOf: page.completeAsOf)
      }
      if page.completeAsOf == nil { continue }
      try await Task.sleep(for: wait)
      wait = min(wait * 2, Self.longestWait)
    }
  }

  private func page(
    after place: OutboxPlace, _ position: Position?, name: @escaping @Sendable (Int64) -> EndpointName?
  ) async throws -> OutboxPage {
    do {
      return try await connection.run { try OutboxPage.read(after: place, $0, name: name) }
    } catch let error as PostgresError where error.sqlState == "42P01" || error.sqlState == "3F000" {
      // The outbox itself is gone: what is installed says it better.
      verified = nil
      _ = try await verify(position)
      throw error
    }
  }

  /// Does nothing for a position of another epoch: its rows are another life's.
  func release(through position: Position) async throws {
    guard let place = OutboxPlace(position.place) else { return }
    let epoch = position.epoch
    try await connection.run { session in
      guard let installation = try Installation.load(session), installation.epoch == epoch else { return }
      while try OutboxPage.delete(through: place, session) {}
    }
  }

  private func place(of position: Position?, in installation: Installation) throws(CaptureGap) -> OutboxPlace {
    guard let position else { return OutboxPlace() }
    guard position.epoch == installation.epoch, let place = OutboxPlace(position.place) else {
      throw CaptureGap(
        source: source,
        reason: "the position is of another life of the database (\(position.epoch), now \(installation.epoch)):"
          + " it was restored or failed over, or capture was attached again",
        resume: Position(epoch: installation.epoch, place: OutboxPlace().text))
    }
    return place
  }

  /// What is installed, if it is whole; looked at again once a heartbeat.
  private func verify(_ position: Position?) async throws -> Installation {
    if let verified, verified.at.duration(to: .now) < Self.heartbeat, position?.epoch == verified.installation.epoch {
      return verified.installation
    }
    verified = nil
    guard let installation = try await connection.run({ try Installation.load($0) }) else {
      throw CaptureGap(
        source: source, reason: "capture is not attached: run `tidemark attach`", resume: nil)
    }
    let missing = Set(tables).subtracting(installation.captured.map(\.name)).sorted()
    let faults =
      missing.map { "\($0): it is not captured" }
      + installation.captured.compactMap { table in table.fault.map { "\(table.name): \($0)" } }
    guard faults.isEmpty else {
      // Nowhere to go on while changes go unseen; attaching again begins another epoch, whose gap is healed.
      throw CaptureGap(
        source: source, reason: faults.joined(separator: "; ") + "; run `tidemark attach`", resume: nil)
    }
    verified = (installation, .now)
    return installation
  }
}
