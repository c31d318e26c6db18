package import Changes
import SQLite

/// A direction of a link, and the endpoint whose changes it reads from the log.
package struct LogReader: Hashable, Sendable {
  package let link: LinkName
  package let direction: Direction
  package let endpoint: EndpointName

  package init(link: LinkName, direction: Direction, endpoint: EndpointName) {
    self.link = link
    self.direction = direction
    self.endpoint = endpoint
  }
}

/// What keeps the log from being made shorter.
package struct LogHold: Hashable, Sendable, CustomStringConvertible {
  package enum Reason: Hashable, Sendable {
    case unreplayed
    /// A change was set aside.
    case waiting
    /// A replay that was asked for is to read it.
    case request
  }

  /// The first sequence that has to stay.
  package let sequence: LogSequence
  package let link: LinkName
  package let direction: Direction
  package let reason: Reason

  package var description: String {
    let why =
      switch reason {
      case .unreplayed: "has not replayed"
      case .waiting: "has a change waiting"
      case .request: "is asked to apply once more what is there"
      }
    return "\(link) \(direction) \(why) from sequence \(sequence) on"
  }
}

/// What was removed from the log, and what had to stay.
package struct LogTrim: Hashable, Sendable {
  package var removedBlocks = 0
  /// Set when the log is older or larger than it should be and this is why.
  package var hold: LogHold?
}

extension ChangeLog {
  /// Blocks removed in one transaction, so that appends are not held up.
  private static let blocksAtOnce = 256

  /// Bytes of the log in use. Space of removed blocks is used again; the file itself does not shrink.
  package func bytesInUse() async throws -> Int64 {
    try await reader.run { try Self.bytesInUse($0) }
  }

  /// Removes what nothing needs any more, oldest first: what is older than `age`, and more while the log is larger than
  /// `bytes`. Never a change that a reader of its endpoint has not settled: what stays for that is told. A dead letter holds
  /// a copy of its own.
  /// - Parameter readers: An endpoint without a reader holds nothing back.
  package func trim(olderThan age: Duration, largerThan bytes: Int64?, readers: [LogReader]) async throws -> LogTrim {
    let before = Timestamp.now.advanced(by: .zero - age)
    // What may go only grows meanwhile: whatever is not settled now lies behind the hold.
    let hold = try await hold(of: readers)
    var trim = LogTrim()
    try await writer.transaction { session in
      try session.execute("DELETE FROM record_notes WHERE last_at < ?", [.integer(before.microseconds)])
    }
    while true {
      let step = try await writer.transaction { session in
        try Self.trimStep(before: before, bytes: bytes, hold, session)
      }
      trim.removedBlocks += step.removedBlocks
      trim.hold = step.hold
      if step.removedBlocks == 0 || step.hold != nil { return trim }
    }
  }

  /// When the oldest part of the log entered it; nil for an empty log.
  package func oldest() async throws -> Timestamp? {
    try await reader.run { session in
      try session.first("SELECT min(appended_at) FROM blocks") {
        $0.isNull(0) ? nil : Timestamp(microseconds: $0.integer(0))
      } ?? nil
    }
  }

  /// What keeps the log from being made shorter now; nil if nothing does.
  package func hold(of readers: [LogReader]) async throws -> LogHold? {
    try await reader.transaction(.deferred) { try Self.hold(readers, $0) }
  }

  private static func trimStep(
    before: Timestamp, bytes: Int64?, _ hold: LogHold?, _ session: SQLiteSession
  ) throws -> LogTrim {
    var excess = try bytes.map { try bytesInUse(session) - $0 } ?? 0
    let condition = excess > 0 ? "?1 IS NOT NULL ORDER BY first_sequence" : "appended_at < ?1 ORDER BY appended_at"
    let unwanted = try session.all(
      "SELECT first_sequence, last_sequence, length(frames), appended_at FROM blocks WHERE \(condition)"
        + " LIMIT \(blocksAtOnce)", [.integer(before.microseconds)]
    ) { (first: $0.integer(0), last: $0.integer(1), bytes: $0.integer(2), time: $0.integer(3)) }
    guard !unwanted.isEmpty else { return LogTrim() }
    let endpoints = try endpoints(session)
    var trim = LogTrim()
    for block in unwanted where excess > 0 || block.time < before.microseconds {
      if let hold, block.last >= hold.sequence.number {
        trim.hold = hold
        break
      }
      try remove(block.first, endpoints, session)
      excess -= block.bytes
      trim.removedBlocks += 1
    }
    return trim
  }

  private static func bytesInUse(_ session: SQLiteSession) throws -> Int64 {
    try session.first(
      "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
    ) { $0.integer(0) } ?? 0
  }

  /// Without looking at every block: the first that is not settled follows the watermark.
  private static func hold(_ readers: [LogReader], _ session: SQLiteSession) throws -> LogHold? {
    var holds: [LogHold] = []
    for reader in readers {
      let name: [SQLiteValue] = [.text(reader.link.description), .integer(Int64(reader.direction.rawValue))]
      let watermark = try replayWatermark(of: reader.link, reader.direction, session)
      let start = try block(holding: watermark, session) ?? watermark.number + 1
      let unread = try session.first(
        "SELECT min(first_sequence) FROM block_endpoints WHERE endpoint = ? AND first_sequence >= ?",
        [.text(reader.endpoint.description), .integer(start)], sequence)
      let waiting = try session.first(
        "SELECT min(sequence) FROM waiting_changes WHERE link = ? AND direction = ?", name, sequence)
      for case (let place??, let reason) in [(unread, LogHold.Reason.unreplayed), (waiting, .waiting)] {
        holds.append(LogHold(sequence: place, link: reader.link, direction: reader.direction, reason: reason))
      }
    }
    for request in try requests("state = 'requested'", [], session) {
      guard case .replay(let direction, let after, _, _) = request.work else { continue }
      let next = LogSequence(max(after, request.place).number + 1)
      holds.append(LogHold(sequence: next, link: request.link, direction: direction, reason: .request))
    }
    return holds.min { $0.sequence < $1.sequence }
  }

  private static func sequence(_ row: SQLiteRow) -> LogSequence? {
    row.isNull(0) ? nil : LogSequence(row.integer(0))
  }

  /// Blocks are told by endpoint first, so each is looked up instead of searching for the block.
  private static func remove(_ block: Int64, _ endpoints: [String], _ session: SQLiteSession) throws {
    for endpoint in endpoints {
      try session.execute(
        "DELETE FROM block_endpoints WHERE endpoint = ? AND first_sequence = ?", [.text(endpoint), .integer(block)])
    }
    try session.execute("DELETE FROM blocks WHERE first_sequence = ?", [.integer(block)])
  }

  private static func endpoints(_ session: SQLiteSession) throws -> [String] {
    try session.all(
      """
      WITH RECURSIVE known (name) AS (
        SELECT min(endpoint) FROM block_endpoints
        UNION ALL
        SELECT (SELECT min(endpoint) FROM block_endpoints WHERE endpoint > name) FROM known WHERE name IS NOT NULL)
      SELECT name FROM known WHERE name IS NOT NULL
      """
    ) { $0.string(0) }
  }
}
