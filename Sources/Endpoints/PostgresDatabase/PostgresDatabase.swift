package import Changes
import JSON
import Postgres

/// An attached PostgreSQL database: its captured tables are one source, each table is an end that can be read and
/// written.
///
/// Three connections: capture's own, one for applying, one for everything else, so that a long chunk holds up neither
/// capture nor writes. A lost connection fails the call that noticed and is opened again by the next one.
package final class PostgresDatabase: AttachedDatabase {
  package let name: SourceName
  let system: String
  let reading: PostgresConnection
  let writing: PostgresConnection
  private let besides: @Sendable () -> PostgresConnection
  let capture: CaptureChoice
  let isLenient: Bool
  let budget: Budget?
  let isNotified: Bool
  package let polling: [String: PollSettings]
  /// The tables that are polled since nothing may be installed.
  let fallen: [String]
  let restrictions: [String: RowRestriction]
  private let polls: PostgresConnection
  private let outbox: Outbox
  let wal: WALCapture
  private let watch: InstallationWatch
  private let restrictor: CaptureRestrictor

  /// - Parameters:
  ///   - name: the database's name in the configuration.
  ///   - url: as libpq reads it; see `PostgresConnection`.
  ///   - tables: the linked tables, as the configuration writes them: changes bear these names.
  ///   - capture: how their changes are captured.
  ///   - isLenient: whether a statement of the application passes though a trigger could not capture it.
  ///   - budget: what the database may keep for changes that nobody has read; nil: no limit.
  ///   - isNotified: whether commits wake the reader of what triggers wrote, which makes commits wait for each other.
  ///   - polling: the tables that are polled whatever `capture` says, and how.
  ///   - fallback: how tables are polled that `capture` sends to polling; nil: as usual.
  ///   - restrictions: the tables of whose rows not everything is told, and what is.
  ///   - images: the rows told so far; nil where nothing is to be captured.
  /// - Throws: `PostgresError` if the database cannot be reached, `Failure` if a pooler shares its sessions.
  package init(
    name: String, url: String, tables: [String], capture: CaptureMode = .auto, isLenient: Bool = false,
    isNotified: Bool = false, budget: Budget? = nil, polling: [String: PollSettings] = [:],
    fallback: [String: PollSettings] = [:], restrictions: [String: RowRestriction] = [:],
    images: (any RowImages)? = nil
  ) async throws {
    try await Pooler.requireOwnSessions(at: url)
    let choice = CaptureChoice(capture, url: url)
    self.capture = choice
    self.isLenient = isLenient
    self.budget = budget
    self.isNotified = isNotified
    self.name = SourceName(name)
    system = name
    besides = { PostgresConnection(url: url, setup: Self.settings + "SET statement_timeout = '10min';") }
    reading = besides()
    writing = PostgresConnection(
      url: url, setup: Self.settings + "SET statement_timeout = '60s'; SET lock_timeout = '5s';")
    // The outbox's statistics are always stale: its index on id is the right way in whatever they say. What is deleted from
    // it need not be on disk at once: rows that come back after a crash were read already and are deleted again.
    let capturing = PostgresConnection(
      url: url,
      setup: Self.settings
        + "SET statement_timeout = '60s'; SET enable_seqscan = off; SET enable_bitmapscan = off;"
        + "SET synchronous_commit = off;" + (isNotified ? "LISTEN tidemark;" : ""))
    polls = PostgresConnection(url: url, setup: Self.settings + "SET statement_timeout = '10min';")
    let rest = tables.filter { polling[$0] == nil }
    let fallback = Dictionary(rest.map { ($0, fallback[$0] ?? PollSettings()) }) { first, _ in first }
    let more = try await reading.run { try choice.polled(fallback, $0) }
    self.polling = polling.merging(more) { declared, _ in declared }
    fallen = more.keys.sorted()
    watch = InstallationWatch(
      source: self.name, tables: rest.filter { more[$0] == nil }, connection: capturing)
    outbox = Outbox(system: name, connection: capturing, watch: watch, isNotified: isNotified)
    self.restrictions = restrictions
    restrictor = CaptureRestrictor(restrictions, connection: capturing)
    wal = WALCapture(
      source: self.name, system: name, url: url, setup: Self.settings, observer: capturing, watch: watch,
      restrictions: restrictions, images: images.map { RestrictedImages($0, restrictions) })
  }

  /// The settings of the capture function, so that a row read is the same text as a row captured; and an error instead
  /// of missing rows where a row security policy hides some. Compiling plans (`jit`) costs more than running them here:
  /// 0.2 s a heartbeat.
  private static let settings = """
    SET "TimeZone" = 'UTC'; SET "DateStyle" = 'ISO, YMD'; SET "IntervalStyle" = 'postgres';
    SET extra_float_digits = 1; SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET row_security = off; SET jit = off;

    """

  /// The database's changes, captured as it was attached. Where that was changed since `position`, what was captured the
  /// other way comes first: no change is told twice and none is left out (see `AttachPlan`).
  /// - Throws: `CaptureGap` where what captures was dropped, disabled or changed since `attach`, or the position is of
  ///   another life of the database; `PostgresError` for what the server says.
  package func next(after position: Position?) async throws -> ChangeBatch {
    var batch = try await mindingOtherServers { try await captured(after: position) }
    // Nothing leaves before this.
    if !restrictions.isEmpty { batch.changes = try await restrictor.told(of: batch.changes) }
    return batch
  }

  /// Behind an address another server may answer from now on, such as a standby that was promoted.
  private func mindingOtherServers<Value>(_ body: () async throws -> Value) async throws -> Value {
    do {
      return try await body()
    } catch let error as PostgresError where error.isConnectionLost {
      await watch.forget()
      throw error
    }
  }

  private func captured(after position: Position?) async throws -> ChangeBatch {
    let installation = try await watch.verified(for: position)
    // Something went unseen before anybody looked: what was read of the tables until now may lack it.
    if position == nil, installation.shed > 0 { throw installation.gap(from: "none", at: name) }
    let position = position ?? installation.start
    guard position.epoch == installation.epoch else { throw installation.gap(from: position.epoch, at: name) }
    if let place = WALPlace(position.place) {
      let batch = try await wal.next(after: place, installation)
      guard installation.mode == .trigger, batch.isPast(installation.since) else { return batch }
      try await wal.leave()
      return ChangeBatch(batch.changes, through: installation.start)
    }
    guard let place = OutboxPlace(position.place) else { throw installation.gap(from: "\(position)", at: name) }
    let batch = try await outbox.next(after: place, installation)
    guard installation.mode == .wal, batch.completeAsOf != nil else { return batch }
    return ChangeBatch(batch.changes, through: installation.start)
  }

  /// Lets the database forget what the position covers: rows of the outbox, a few thousand in a transaction, or WAL.
  package func release(through position: Position) async throws {
    if let place = WALPlace(position.place) {
      await wal.release(through: place, epoch: position.epoch)
    } else if let place = OutboxPlace(position.place) {
      try await mindingOtherServers { try await outbox.release(through: place, epoch: position.epoch) }
    }
  }

  package func table(_ name: String) async throws -> any ChangeTarget {
    let (polling, restriction) = (polling[name], restrictions[name])
    let shape = try await reading.run { try TableShape.load(name, polling, restriction, $0) }
    return PostgresTable(
      name: name, shape: shape, polling: polling, reading: reading, writing: writing, besides: besides)
  }

  package func polledTable(_ name: String) -> any PolledTable {
    PostgresPolledTable(
      endpoint: EndpointName(system: system, name: name), settings: polling[name] ?? PollSettings(),
      restriction: restrictions[name], connection: polls)
  }

  package func columns(of table: String) async throws -> [String] {
    try await reading.run { try TableShape.load(table, $0).columns.map(\.name) }
  }

  package func keyColumns(of table: String) async throws -> [String] {
    let polling = polling[table]
    return try await reading.run { try TableShape.load(table, polling, $0).key }
  }

  package func indexAdvice(for columns: [String], of table: String) async throws -> String? {
    let polling = polling[table]
    return try await reading.run { session in
      let shape = try TableShape.load(table, polling, session)
      // Any index that begins with one of them narrows it down enough.
      let isMissing = try session.first(
        """
        SELECT c.relkind = 'r' AND pg_relation_size(c.oid) > 8000000 AND NOT EXISTS (
          SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
          WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL
            AND a.attname IN (SELECT jsonb_array_elements_text($2::jsonb)))
        FROM pg_class c WHERE c.oid = $1
        """, [.integer(shape.oid), .utf8(JSONValue.array(columns.map { .string($0) }).bytes)]
      ) { $0.bool(0) }
      guard isMissing == true else { return nil }
      let list = columns.map(quoted(postgresIdentifier:)).joined(separator: ", ")
      return "CREATE INDEX CONCURRENTLY ON \(shape.sql) (\(list));"
    }
  }

  package func conditionFault(of table: String) async throws -> String? {
    guard let restriction = restrictions[table], restriction.condition != nil else { return nil }
    let polling = polling[table]
    return try await reading.run { session in
      try RowCondition(restriction, TableShape.load(table, polling, session))?.fault(session)
    }
  }
}

extension ChangeBatch {
  /// Whether everything that was written before `place` is in this batch or in an earlier one.
  fileprivate func isPast(_ place: LSN) -> Bool { WALPlace(through.place).map { $0.through >= place } ?? false }
}
