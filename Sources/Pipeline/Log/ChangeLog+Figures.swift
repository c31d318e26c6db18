package import Changes
import SQLite

/// How far one direction of a link is.
package struct ReplayFigures: Hashable, Sendable {
  package var watermark: LogSequence
  /// Changes in the log after the watermark.
  package var pending: Int64
  /// When the oldest of them was committed at its source; nil when nothing is pending or waiting.
  package var oldestCommit: Timestamp?
  /// Changes that wait for another attempt or for a parent.
  package var waiting: Int64
  package var endings: [Settlement.Ending: Int64]
  package var deadLetters: Int64
}

/// How far capture of a source is.
package struct CaptureFigures: Hashable, Sendable {
  package var watermark: Position
  package var changes: Int64
  package var updatedAt: Timestamp
}

/// The log itself.
package struct LogFigures: Hashable, Sendable {
  package var bytes: Int64
  package var first: LogSequence
  package var last: LogSequence
}

extension ChangeLog {
  /// The figures of a link, from the log alone: the same whether a service runs or not.
  package func figures(
    of link: LinkName, _ direction: Direction, endpoint: EndpointName
  ) async throws -> ReplayFigures {
    try await reader.transaction(.deferred) { session in
      let name: [SQLiteValue] = [.text(link.description), .integer(Int64(direction.rawValue))]
      let watermark =
        try session.first("SELECT sequence FROM replay_watermarks WHERE link = ? AND direction = ?", name) {
          LogSequence($0.integer(0))
        } ?? .start
      let endings = try session.all(
        "SELECT ending, changes FROM settled_counts WHERE link = ? AND direction = ?", name
      ) { (Settlement.Ending(rawValue: $0.string(0)), $0.integer(1)) }
      let waiting = try session.first(
        "SELECT count(*), min(since) FROM waiting_changes WHERE link = ? AND direction = ?", name
      ) { (count: $0.integer(0), since: $0.isNull(1) ? nil : Timestamp(microseconds: $0.integer(1))) }
      let dead = try session.first("SELECT count(*) FROM dead_letters WHERE link = ? AND direction = ?", name) {
        $0.integer(0)
      }
      let pending = try Self.pending(endpoint, after: watermark, session)
      return ReplayFigures(
        watermark: watermark, pending: pending.count,
        oldestCommit: [pending.oldest, waiting?.since].compactMap { $0 }.min(), waiting: waiting?.count ?? 0,
        endings: Dictionary(endings.compactMap { ending, count in ending.map { ($0, count) } }) { $0 + $1 },
        deadLetters: dead ?? 0)
    }
  }

  /// What a link has not settled yet: how many changes, and when the oldest of them that no backfill read was committed
  /// (as far as its block tells).
  package func pending(
    of link: LinkName, _ direction: Direction, endpoint: EndpointName
  ) async throws -> (changes: Int64, oldestLive: Timestamp?) {
    try await reader.transaction(.deferred) { session in
      let watermark = try Self.replayWatermark(of: link, direction, session)
      let live = try session.first(
        """
        SELECT min(oldest_commit) FROM block_endpoints JOIN blocks USING (first_sequence)
        WHERE endpoint = ? AND first_sequence > ? AND source <> ?
        """,
        [.text(endpoint.description), .integer(watermark.number), .text(SourceName.backfill.description)]
      ) { $0.isNull(0) ? nil : Timestamp(microseconds: $0.integer(0)) }
      return (try Self.pending(endpoint, after: watermark, session).count, live ?? nil)
    }
  }

  package func figures(of source: SourceName) async throws -> CaptureFigures? {
    try await reader.run { session in
      try session.first(
        "SELECT epoch, place, changes, updated_at FROM capture_watermarks WHERE source = ?",
        [.text(source.description)]
      ) {
        CaptureFigures(
          watermark: Position(epoch: $0.string(0), place: $0.string(1)), changes: $0.integer(2),
          updatedAt: Timestamp(microseconds: $0.integer(3)))
      }
    }
  }

  package func figures() async throws -> LogFigures {
    try await reader.transaction(.deferred) { session in
      let pages = try session.first("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size") {
        $0.integer(0)
      }
      let first = try session.first("SELECT min(first_sequence) FROM blocks") { $0.integer(0) }
      let last = try session.first("SELECT last_sequence FROM log_end") { $0.integer(0) }
      return LogFigures(bytes: pages ?? 0, first: LogSequence(first ?? 0), last: LogSequence(last ?? 0))
    }
  }

  package func openConflicts(of link: LinkName) async throws -> (open: Int64, all: Int64) {
    try await reader.run { session in
      try session.first(
        "SELECT count(*) FILTER (WHERE winner IS NULL), count(*) FROM conflicts WHERE link = ?",
        [.text(link.description)]
      ) { ($0.integer(0), $0.integer(1)) } ?? (0, 0)
    }
  }

  /// Of a block that is partly settled only the rest counts.
  private static func pending(
    _ endpoint: EndpointName, after watermark: LogSequence, _ session: SQLiteSession
  ) throws -> (count: Int64, oldest: Timestamp?) {
    let whole = try session.first(
      "SELECT ifnull(sum(changes), 0), min(oldest_commit) FROM block_endpoints WHERE endpoint = ? AND first_sequence > ?",
      [.text(endpoint.description), .integer(watermark.number)]
    ) { (count: $0.integer(0), oldest: $0.isNull(1) ? nil : Timestamp(microseconds: $0.integer(1))) }
    var (count, oldest) = whole ?? (0, nil)
    guard let place = try block(holding: watermark, session),
      let block = try block(of: endpoint, from: place, session), block.sequences.lowerBound.number == place
    else { return (count, oldest) }
    for logged in BlockCodec.decode(block.frames, sequences: block.sequences).changes
    where logged.sequence > watermark && logged.change.endpoint == endpoint {
      count += 1
      oldest = [oldest, logged.change.lateSince].compactMap { $0 }.min()
    }
    return (count, oldest)
  }
}
