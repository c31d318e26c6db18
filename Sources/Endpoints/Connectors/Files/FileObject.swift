import Blocking
import Changes
import JSON
import Synchronization

/// The records of a file, of several, or of a feed, as an endpoint.
///
/// It keeps a copy of what the files hold, and looks whether they changed before it answers from it. What changed between two
/// looks is found by whoever compares all of it with what was told before, which finds deletes too (`changes`).
actor FileObject: RemoteObject {
  private let executor = BlockingExecutor(label: "files")
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  nonisolated let endpoint: EndpointName
  nonisolated let rules: FileRules
  nonisolated let shelf: FileShelf
  nonisolated let stamps = StampClock()
  private nonisolated let pull: Schedule
  private nonisolated let isWoken = Mutex(false)
  /// What is known of the files; nil before they were read.
  var copy: FileCopy?
  /// A look that is under way: who comes meanwhile waits for it.
  private var look: Task<FileCopy, any Error>?
  /// Writes that wait for the one that is under way.
  var waiting: [WaitingWrites] = []
  var isWriting = false

  /// What a server handed out is asked for again after this long, each time somebody reads a record.
  private static let freshness = Duration.seconds(10)

  init(_ endpoint: EndpointName, _ rules: FileRules, _ shelf: FileShelf, pull: Schedule) {
    self.endpoint = endpoint
    self.rules = rules
    self.shelf = shelf
    self.pull = pull
  }

  nonisolated var actions: Set<Write.Action> {
    guard rules.format.isWritable, case .file = shelf.source else { return [] }
    return [.create, .update, .delete]
  }

  nonisolated var changes: ObjectChanges? {
    var settings = PollSettings(deletes: rules.mayBeGone)
    settings.every = pull
    return .compared(self, settings)
  }

  nonisolated func wake() { isWoken.withLock { $0 = true } }

  nonisolated func takeWake() -> Bool {
    isWoken.withLock { isWoken in
      defer { isWoken = false }
      return isWoken
    }
  }

  /// In which life positions are meant: the same records somewhere else are other records.
  nonisolated var life: String { shelf.source.description }

  /// What the files hold now.
  /// - Throws: `EndUnavailable` where that cannot be told.
  func current() async throws -> FileCopy {
    // One look at a time: who asks meanwhile may have asked after something that the look did not see.
    while let look {
      _ = await look.result
      if self.look == look { self.look = nil }
    }
    let task = Task { try await renewed() }
    look = task
    defer { if look == task { look = nil } }
    return try await task.value
  }

  private func renewed() async throws -> FileCopy {
    if case .url(let url) = shelf.source { return try await fetched(url) }
    if let copy, try shelf.state().version == copy.version { return copy }
    let renewed = try await shelf.copy(stamp: stamps.now())
    copy = renewed
    return renewed
  }

  private func fetched(_ url: String) async throws -> FileCopy {
    if let copy, ContinuousClock.now - copy.checkedAt < Self.freshness { return copy }
    let stamp = stamps.now()
    switch try await shelf.fetch(url, since: copy?.version, stamp: stamp) {
    case .copy(let renewed):
      copy = renewed
      return renewed
    case .unchanged:
      guard var same = copy else {
        throw shelf.unavailable(code: "file.content", "the server says that nothing changed since nothing")
      }
      same.stamp = stamp
      same.checkedAt = .now
      copy = same
      return same
    }
  }
}

extension FileObject: PolledTable {
  nonisolated func epoch() async throws -> String { life }
  nonisolated func writers() async throws -> Set<String> { [] }
  nonisolated func highest() async throws -> CursorMark? { nil }

  /// Without a cursor there are no rounds.
  nonisolated func changed(after mark: CursorMark?, limit: Int) async throws -> PolledPage {
    PolledPage([], isLast: true, stamp: Stamp(0), readAt: .now)
  }

  /// A server is asked whether it has something newer than what was compared last, also after a restart.
  func version(since known: String?) async throws -> String? {
    guard case .url(let url) = shelf.source else {
      let version = try shelf.state().version
      return version == known ? known : try await current().version
    }
    let stamp = stamps.now()
    switch try await shelf.fetch(url, since: known ?? copy?.version, stamp: stamp) {
    case .copy(let renewed): copy = renewed
    case .unchanged:
      if copy?.version == known {
        copy?.checkedAt = .now
        copy?.stamp = stamp
      }
      return known ?? copy?.version
    }
    return copy?.version
  }

  func rows(after key: RecordKey?, limit: Int) async throws -> PolledPage {
    // One walk reads one copy, unless it is written meanwhile.
    let copy = if key != nil, let copy { copy } else { try await current() }
    let (rows, isLast) = try await copy.rows(after: key, limit: limit)
    return PolledPage(
      rows.map { PolledRow(key: $0.key, row: $0.row) }, isLast: isLast, stamp: copy.stamp,
      readAt: min(copy.writtenAt, .now))
  }

  func gone(among keys: [RecordKey]) async throws -> (keys: Set<RecordKey>, stamp: Stamp, readAt: Timestamp) {
    let copy = if let copy { copy } else { try await current() }
    guard rules.tellsDeletes else { return ([], copy.stamp, .now) }
    let there = try await copy.rows(keys)
    return (Set(keys.filter { there[$0] == nil }), copy.stamp, min(copy.writtenAt, .now))
  }
}

extension FileObject {
  /// - Throws: `Failure` for a record that is not there any more where that does not mean that it was deleted.
  func records(_ keys: [RecordKey]) async throws -> [RecordKey: Record] {
    let copy = try await current()
    let rows = try await copy.rows(keys)
    guard rules.tellsDeletes || rows.count == Set(keys).count else {
      throw Failure(
        code: "file.absent",
        message:
          "\(endpoint): the record is not shown any more, which does not mean that it was deleted; what it is now"
          + " cannot be told")
    }
    return try rows.reduce(into: [:]) { found, row in
      found[row.key] = Record(key: row.key, fields: try JSONObject(parsing: row.value), stamp: copy.stamp)
    }
  }

  func find(_ match: JSONObject) async throws -> [Record] {
    let copy = try await current()
    return try await copy.find(match).map { Record(key: $0.key, fields: $0.fields, stamp: copy.stamp) }
  }

  func chunk(from position: Position?, limit: Int) async throws -> Chunk {
    var key: RecordKey?
    if let position {
      guard position.epoch == life, let place = try? RecordKey(encoded: position.place) else {
        throw Failure(code: "file.position", message: "the position does not belong to \(endpoint)")
      }
      key = place
    }
    let copy = if key != nil, let copy { copy } else { try await current() }
    let (rows, isLast) = try await copy.rows(after: key, limit: limit)
    let records = try rows.map { Record(key: $0.key, fields: try JSONObject(parsing: $0.row), stamp: copy.stamp) }
    let next = isLast ? nil : rows.last.map { Position(epoch: life, place: $0.key.encoded) }
    return Chunk(records, next: next)
  }

  func rowCount(_ selection: BackfillSelection) async throws -> RowCount? {
    try selection.requireEverything()
    return RowCount(Int64(try await current().count()), isExact: true)
  }
}
