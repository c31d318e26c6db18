import Changes
import Postgres

/// Reads the changes of an attached database from its write-ahead log, through a slot of the plugin `pgoutput`.
actor WALCapture {
  private let source: SourceName
  private let system: String
  private let url: String
  private let setup: String
  private let observer: PostgresConnection
  private let watch: InstallationWatch
  private let restrictions: [String: RowRestriction]
  private let images: (any RowImages)?
  private var open: Open?

  /// A stream and how far it was told.
  private struct Open {
    let reader: WALReader
    let epoch: String
    var told: WALPlace
    /// The changes told last: their rows may complete those that follow.
    var before: [Change] = []
    /// Of the tables whose columns are composite: what their rows are understood by.
    var composites: [EndpointName: WALTypes] = [:]
    /// When the server was last asked how far it is.
    var looked: ContinuousClock.Instant
  }

  /// WAL of other databases of the cluster, in bytes, after which an idle database's slot gets something to move on.
  private static let idleWAL: Int64 = 16 << 20

  /// How often a slot that another session reads is asked for again before that is an error.
  private static let patience = 40

  /// - Parameter observer: a connection for statements, its own.
  init(
    source: SourceName, system: String, url: String, setup: String, observer: PostgresConnection,
    watch: InstallationWatch, restrictions: [String: RowRestriction], images: (any RowImages)?
  ) {
    self.source = source
    self.system = system
    self.url = url
    self.setup = setup
    self.observer = observer
    self.watch = watch
    self.restrictions = restrictions
    self.images = images
  }

  /// See `ChangeSource.next`.
  func next(after place: WALPlace, _ installation: Installation) async throws -> ChangeBatch {
    do {
      while true {
        if let batch = try await read(after: place, installation) { return batch }
        open = nil
      }
    } catch {
      open = nil
      throw error
    }
  }

  /// - Returns: nil where what was read is to be read again from `place` on, through a stream of its own.
  private func read(after place: WALPlace, _ installation: Installation) async throws -> ChangeBatch? {
    let deadline = ContinuousClock.now + InstallationWatch.heartbeat
    let names = installation.endpoints(of: system)
    var current = try await stream(from: place, installation)
    while true {
      if current.looked.duration(to: .now) >= InstallationWatch.heartbeat { try await look(&current, installation) }
      let turn = try await current.reader.turn(until: deadline)
      if let unknown = turn.unknown {
        let endpoint = names[Int64(unknown.oid)]
        let restriction = endpoint.flatMap { restrictions[$0.name] }
        let relation = try await observer.run { try WALRelation(unknown, endpoint, restriction, $0) }
        current.reader.learn(relation)
        if let endpoint { current.composites[endpoint] = relation.composites }
      }
      guard !turn.changes.isEmpty || turn.completeAsOf != nil || deadline <= .now else { continue }
      if try await isMisunderstood(turn, current) { return nil }
      let changes = try await complete(turn, before: current.before)
      current.told = turn.place
      if !changes.isEmpty { current.before = changes }
      open = current
      return ChangeBatch(
        changes, through: Position(epoch: installation.epoch, place: turn.place.text), completeAsOf: turn.completeAsOf)
    }
  }

  /// Whether a type was altered since its rows were first understood. They come once more then: nothing was told of them.
  private func isMisunderstood(_ turn: WALReader.Turn, _ current: Open) async throws -> Bool {
    for (endpoint, types) in current.composites where turn.changes.contains(where: { $0.endpoint == endpoint }) {
      if try await observer.run({ try WALTypes.load(types.columns, $0) }) != types { return true }
    }
    return false
  }

  private func complete(_ turn: WALReader.Turn, before: [Change]) async throws -> [Change] {
    try await waitUntilVisible(turn.transactions)
    guard !turn.doubts.isEmpty else { return turn.changes }
    var completion = WALCompletion(turn.changes, turn.doubts, before: before)
    let (images, source) = (images, source)
    return try await completion.complete(observer) { endpoint, keys in
      try await images?.latestRows(of: endpoint, told: source, keys) ?? [:]
    }
  }

  /// A commit can be decoded a little before other sessions see it; with synchronous replication, long before. Whoever
  /// reads a record because of a change must find it there.
  private func waitUntilVisible(_ transactions: [UInt32]) async throws {
    guard !transactions.isEmpty else { return }
    while let snapshot = try await observer.run({ try Snapshot.current($0) }),
      snapshot.isRunning(anyOf: transactions)
    {
      try await Task.sleep(for: .milliseconds(1))
    }
  }

  /// The open stream, if it stands where the caller is; else a new one from there.
  private func stream(from place: WALPlace, _ installation: Installation) async throws -> Open {
    if let open, open.epoch == installation.epoch, open.told == place { return open }
    open = nil
    guard let slot = try await observer.run({ try WALSlot.load($0) }), slot.fault == nil else {
      throw CaptureGap(
        source: source, reason: "the replication slot was dropped or is lost; run `tidemark repair`", resume: nil)
    }
    guard slot.confirmed <= place.through else {
      throw CaptureGap(
        source: source,
        reason: "slot \(slot.name) begins at \(slot.confirmed), after \(place.through): it was made anew or moved",
        mayLackRecords: false,
        resume: Position(epoch: installation.epoch, place: WALPlace(through: slot.confirmed).text))
    }
    let reader = try await patiently {
      try await WALReader(url: url, setup: setup, slot: slot.name, from: place)
    }
    return Open(reader: reader, epoch: installation.epoch, told: place, looked: .now - InstallationWatch.heartbeat)
  }

  /// The database is captured in another way now, and all that was written before was told: nothing of this is needed.
  func leave() async throws {
    open = nil
    let observer = observer
    try await patiently {
      try await observer.run { session in
        if let slot = try WALSlot.load(session) {
          try session.execute("SELECT pg_drop_replication_slot($1)", [.text(slot.name)])
        }
        try session.execute("DROP PUBLICATION IF EXISTS \(quoted(postgresIdentifier: WALSlot.publication))")
      }
    }
  }

  /// Moves the slot past everything that was written until now. The next one who reads finds that it moved: a gap.
  func letGo() async throws {
    open = nil
    let observer = observer
    try await patiently {
      try await observer.run { session in
        let name = PostgresValue.text(try WALSlot.name(session))
        _ = try session.first("SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())", [name]) { _ in }
      }
    }
  }

  /// The server needs a moment to notice that the last reader of a slot is gone, be it after a crash or a farewell.
  private func patiently<Value>(_ body: () async throws -> Value) async throws -> Value {
    for _ in 0..<Self.patience {
      do {
        return try await body()
      } catch let error as PostgresError where error.sqlState == "55006" {
        try await Task.sleep(for: .milliseconds(50))
      }
    }
    return try await body()
  }

  /// Asks how far the WAL is now, so that the stream's arrival there proves that nothing is outside; "nothing" is what the
  /// publication is known to hold at that moment.
  ///
  /// A slot moves on with what its database writes. Where only others of the cluster write, a message gives it
  /// something: else the server would keep their WAL for it.
  private func look(_ current: inout Open, _ installation: Installation) async throws {
    let instant = ContinuousClock.now
    let told = current.told.through
    let end = try await observer.run { session in
      try session.first(
        """
        SELECT pg_current_wal_flush_lsn(), CASE WHEN pg_current_wal_flush_lsn() - $1::pg_lsn > $2
          THEN pg_logical_emit_message(false, 'tidemark', 'heartbeat') END
        """, [.text(told.description), .integer(Self.idleWAL)]
      ) { LSN($0.string(0)) }
    }
    try await watch.requireUnchanged(installation)
    if let end = end ?? nil { current.reader.expect(end, at: instant) }
    current.looked = instant
  }

  /// The server may forget what lies before `place`.
  func release(through place: WALPlace, epoch: String) {
    guard let open, open.epoch == epoch else { return }
    open.reader.confirm(place.through)
  }
}
