package import Changes
import SQLite

extension SQLiteDatabase {
  /// How long capture waits for another process's lock before it looks at its own deadline again.
  private static let lockWait = Duration.milliseconds(50)
  /// How long capture goes without looking where no file changes, in milliseconds.
  private static let longestPause: Int32 = 500

  /// See `ChangeSource.next`. Starts at the oldest change in the outbox where `position` is nil.
  ///
  /// A lock of another process is no error: where it lasts, the answer is an empty batch that is not complete, through
  /// the position that was asked for.
  package func next(after position: Position?) async throws -> ChangeBatch {
    let deadline = ContinuousClock.now + .milliseconds(900)
    var pause = Self.longestPause
    while true {
      let batch = try await readUnlessBusy(after: position, asOf: .now)
      if let batch, !batch.changes.isEmpty || !batch.letGo.isEmpty || batch.through != position { return batch }
      let left = Int32(((deadline - .now) / .milliseconds(1)).rounded(.up))
      guard left > 0 else { return batch ?? ChangeBatch([], through: position ?? .unread) }
      try Task.checkCancellation()
      // A lock may go without a trace in any file.
      if batch == nil { pause = min(pause, 16) }
      // A WAL is written first, then brought to the disk, and only then can its commit be seen: so what woke us may be
      // visible only a little later, and nothing will tell.
      let isWoken = await watch.wait(milliseconds: min(pause, left))
      pause = isWoken ? 0 : min(max(1, pause * 2), Self.longestPause)
    }
  }

  /// Nil where another process holds a lock.
  private func readUnlessBusy(after position: Position?, asOf instant: ContinuousClock.Instant) async throws
    -> ChangeBatch?
  {
    do {
      return try await read(after: position, asOf: instant)
    } catch let error as SQLiteError where error.isBusy {
      return nil
    } catch let gap as CaptureGap {
      // A restored copy may have the schema version of what is known without having its tables.
      forget()
      throw gap
    }
  }

  private func read(after position: Position?, asOf instant: ContinuousClock.Instant) async throws -> ChangeBatch {
    let reader = try await current().reader
    let (file, known, tables, source, restrictions) = (file, known, tables, name, restrictions)
    let (read, page, found, notes) = try await reader.run { session in
      try session.waiting(atMost: Self.lockWait) {
        try session.transaction(.deferred) {
          let version = try session.first("PRAGMA main.schema_version") { $0.integer(0) } ?? 0
          let valid = known.flatMap { $0.schemaVersion == version ? $0 : nil }
          var installed = try valid ?? Self.look(in: session, version, file, tables, source, restrictions)
          // A repaired installation renews the epoch without changing the schema's version at times.
          installed.epoch = try Self.epoch(file, in: session)
          let (batch, page) = try Self.batch(after: position, installed, instant, source, in: session)
          return (batch, page, installed, try LetGoNotes(in: session))
        }
      }
    }
    var (batch, installed) = (read, found)
    if !restrictions.isEmpty {
      // Nothing leaves before this.
      let restrictor =
        if let known = installed.restrictor { known } else { try await Self.restricted(restrictions, tables, reader) }
      installed.restrictor = restrictor
      batch.changes = try await restrictor.told(of: page) { try await self.table($0).records($1) }
    }
    self.known = installed
    if !notes.isEmpty, try await take(notes) {
      batch.letGo = notes.endpoints(installed.outbox)
      letGo = batch.letGo
    }
    return batch
  }

  private static func batch(
    after position: Position?, _ installed: Installed, _ instant: ContinuousClock.Instant, _ source: SourceName,
    in session: SQLiteSession
  ) throws -> (ChangeBatch, OutboxReader.Page) {
    let place = try place(position, installed.epoch, source, in: session)
    let page = try installed.outbox.read(after: place, in: session)
    if let unreadable = page.unreadable {
      throw CaptureGap(
        source: source,
        reason: "changes up to \(unreadable.id) are of a table or a kind that capture does not know",
        resume: Position(epoch: installed.epoch, place: unreadable.text))
    }
    let isDrained = try page.through == place || page.through.id >= highestStamp(in: session).number
    let batch = ChangeBatch(
      page.changes, through: Position(epoch: installed.epoch, place: page.through.text),
      completeAsOf: isDrained ? instant : nil)
    return (batch, page)
  }

  private static func look(
    in session: SQLiteSession, _ version: Int64, _ file: FileIdentity, _ tables: [String], _ source: SourceName,
    _ restrictions: [String: RowRestriction]
  ) throws -> Installed {
    let installation = try Installation(in: session)
    if let flaw = try installation.flaw(in: session) {
      throw CaptureGap(
        source: source, reason: "\(flaw); attach again, then a backfill heals what was not seen", resume: nil)
    }
    var names: [String: String] = [:]
    var judged: [String: [String]] = [:]
    for table in tables {
      let shape = try TableShape(table, in: session)
      guard installation.captured.contains(where: { $0.isActive && $0.name == shape.name }) else {
        throw CaptureGap(source: source, reason: "table \(table) is not captured; attach first", resume: nil)
      }
      names[shape.name] = table
      judged[shape.name] = restrictions[table].flatMap { $0.judgedColumns(of: shape) }
    }
    let known = installation.captured.map { captured in
      let endpoint = EndpointName(system: source.description, name: names[captured.name] ?? captured.name)
      return (captured.id, OutboxTable(captured, endpoint: endpoint, judged: judged[captured.name]))
    }
    return Installed(
      schemaVersion: version, epoch: try epoch(file, in: session),
      outbox: OutboxReader(tables: Dictionary(known) { first, _ in first }))
  }

  private static func epoch(_ file: FileIdentity, in session: SQLiteSession) throws -> String {
    let row = try session.first("SELECT epoch FROM main.\"_tidemark_epoch\" WHERE id = 1") { $0.string(0) }
    return "\(file):\(row ?? "")"
  }

  /// - Throws: `CaptureGap` if what follows `position` can no longer be told.
  private static func place(
    _ position: Position?, _ epoch: String, _ source: SourceName, in session: SQLiteSession
  ) throws -> OutboxPlace {
    guard let position, position != .unread else { return .start }
    let start = Position(epoch: epoch, place: OutboxPlace.start.text)
    guard position.epoch == epoch, let place = OutboxPlace(position.place) else {
      throw CaptureGap(
        source: source, reason: "the file was replaced, or capture in it was interrupted or made anew", resume: start)
    }
    if let reason = try place.contradiction(in: session) {
      throw CaptureGap(source: source, reason: reason, resume: start)
    }
    return place
  }

  /// Marks notes as taken before they are told: what the application writes from now on makes new ones, and what it wrote
  /// before can be read.
  /// - Returns: false where another process holds the lock; the notes wait.
  private func take(_ notes: LetGoNotes) async throws -> Bool {
    guard notes.areNew else { return true }
    return try await unlessBusy { try notes.take(in: $0) }
  }

  /// The notes that were told are not needed any more: that the tables are to be read again is in the log.
  private func removeTakenNotes() async throws {
    guard !letGo.isEmpty else { return }
    if try await unlessBusy({ try LetGoNotes.removeTaken(in: $0) }) { letGo = [] }
  }

  private func unlessBusy(_ body: @escaping @Sendable (SQLiteSession) throws -> Void) async throws -> Bool {
    do {
      try await current().writer.run { session in
        try session.waiting(atMost: Self.lockWait) { try session.transaction(.immediate) { try body(session) } }
      }
      return true
    } catch let error as SQLiteError where error.isBusy {
      return false
    }
  }

  /// See `ChangeSource.release`. At most once a second, and never at the cost of the application: where it holds the
  /// lock, the rows wait for the next time.
  package func release(through position: Position) async throws {
    try await removeTakenNotes()
    let now = ContinuousClock.now
    if let lastRelease, now - lastRelease < .seconds(1) { return }
    guard let place = OutboxPlace(position.place), position.epoch == known?.epoch else { return }
    lastRelease = now
    let (reader, writer) = try await current()
    let (file, source) = (file, name)
    do {
      // Looking first: a delete of nothing would still take the write lock.
      let oldest = try await reader.run { session in
        try session.waiting(atMost: Self.lockWait) {
          try session.first("SELECT min(id) FROM main.\"_tidemark_outbox\"") { $0.isNull(0) ? nil : $0.integer(0) }
        }
      }
      guard let oldest = oldest ?? nil, oldest <= place.id else { return }
      try await writer.run { session in
        try session.waiting(atMost: Self.lockWait) {
          for _ in 0..<50 {
            let removed = try session.transaction(.immediate) {
              // An older copy may just have been restored, whose rows nobody has read.
              _ = try Self.place(position, Self.epoch(file, in: session), source, in: session)
              return try Self.remove(through: place, in: session)
            }
            if removed < Self.mostRemoved { return }
          }
        }
      }
    } catch let error as SQLiteError where error.isBusy {
      return
    } catch is CaptureGap {
      // The next `next` tells.
      return
    }
  }

  /// How many rows are removed in one transaction, so that the application never waits long for its turn.
  private static let mostRemoved = 1000

  private static func remove(through place: OutboxPlace, in session: SQLiteSession) throws -> Int {
    try session.execute(
      "DELETE FROM main.\"_tidemark_outbox\" WHERE id IN (SELECT id FROM main.\"_tidemark_outbox\" "
        + "WHERE id <= ? ORDER BY id LIMIT \(mostRemoved))", [.integer(place.id)])
    return session.changes
  }
}
