package import Changes
import SQLite

extension ChangeLog {
  /// Notes in which life of its table's capture a link reads the table now; where it has read it in another one, or has been
  /// left out since, the table is asked for once more: what happened in between was not captured for it.
  /// - Parameters:
  ///   - life: as `AttachedDatabase.captureLives` has it.
  ///   - source: the table's.
  /// - Returns: whether the table was asked for.
  @discardableResult
  package func note(captureLife life: String, of link: LinkName, at source: SourceName) async throws -> Bool {
    // Most often nothing has changed, and nothing is to be written.
    let known = try await reader.run { try Self.captureLife(of: link, $0) }
    guard known != life else { return false }
    return try await writer.transaction { session in
      guard try Self.captureLife(of: link, session) != life else { return false }
      try session.execute(
        "INSERT OR REPLACE INTO link_captures (link, life) VALUES (?, ?)", [.text(link.description), .text(life)])
      // What was told of a row before says nothing of what it held afterwards.
      try session.execute(
        "UPDATE capture_watermarks SET whole_after = (SELECT last_sequence FROM log_end) WHERE source = ?",
        [.text(source.description)])
      // A backfill that has not begun will read everything that is missed; an operator's may be of a part.
      let isAsked = try session.first(
        "SELECT 1 FROM backfills WHERE link = ? AND side = ? AND state = 'requested' AND reason <> ?",
        [.text(link.description), .integer(Int64(Side.local.rawValue)), .text(Backfill.requested)]
      ) { _ in true }
      guard isAsked == nil else { return false }
      try Self.requestBackfill(
        of: link, .local, reason: "its table was not captured for a while", options: BackfillOptions(findsGone: true),
        session)
      return true
    }
  }

  /// Links that are not among `links` are left out of the configuration: nothing is captured for them from now on.
  package func leaveOut(allBut links: [LinkName]) async throws {
    let named = Set(links.map(\.description))
    try await writer.transaction { session in
      let known = try session.all("SELECT link FROM link_captures") { $0.string(0) }
      for link in known where !named.contains(link) {
        try session.execute("DELETE FROM link_captures WHERE link = ?", [.text(link)])
      }
    }
  }

  private static func captureLife(of link: LinkName, _ session: SQLiteSession) throws -> String? {
    try session.first("SELECT life FROM link_captures WHERE link = ?", [.text(link.description)]) { $0.string(0) }
  }
}
