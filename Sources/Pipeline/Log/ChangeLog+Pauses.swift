package import Changes
import SQLite

/// A link whose changes rest in the log.
package struct PausedLink: Hashable, Sendable {
  package let link: LinkName
  /// What was said when it was paused.
  package let reason: String?
  package let pausedAt: Timestamp
}

extension ChangeLog {
  /// The links that are paused, by name.
  package func pausedLinks() async throws -> [PausedLink] {
    try await reader.run { session in
      try session.all("SELECT link, reason, paused_at FROM paused_links ORDER BY link") { row in
        PausedLink(
          link: LinkName(row.string(0)), reason: row.optionalString(1),
          pausedAt: Timestamp(microseconds: row.integer(2)))
      }
    }
  }

  /// Remembers that a link is paused, from now on also after a restart. A link that is paused stays so since when it was.
  /// A running service has to be told by a request.
  package func pause(_ link: LinkName, reason: String?) async throws {
    try await writer.transaction { session in
      try session.execute(
        """
        INSERT INTO paused_links (link, reason, paused_at) VALUES (?, ?, ?)
        ON CONFLICT (link) DO UPDATE SET reason = ifnull(excluded.reason, reason)
        """, [.text(link.description), .text(orNull: reason), .integer(Timestamp.now.microseconds)])
    }
  }

  package func resume(_ link: LinkName) async throws {
    try await writer.transaction { session in
      try session.execute("DELETE FROM paused_links WHERE link = ?", [.text(link.description)])
    }
  }
}
