package import Changes
import SQLite

extension ChangeLog {
  /// Removes blocks that nothing needs any more: older than `age`, and settled by every reader of their endpoints.
  /// A change that waits keeps its block; a dead letter holds a copy of its own.
  /// - Parameter readers: which link and direction reads which endpoint. An endpoint without a reader holds nothing back.
  /// - Returns: how many blocks were removed.
  @discardableResult
  package func removeSettled(
    olderThan age: Duration, readers: [(link: LinkName, direction: Direction, endpoint: EndpointName)]
  ) async throws -> Int {
    let before = Timestamp.now.microseconds - age.components.seconds * 1_000_000
    return try await writer.transaction { session in
      var held: Int64 = .max
      for reader in readers {
        let first = try session.first(
          """
          SELECT min(first_sequence) FROM block_endpoints JOIN blocks USING (first_sequence)
          WHERE endpoint = ? AND last_sequence > ifnull(
            (SELECT sequence FROM replay_watermarks WHERE link = ? AND direction = ?), 0)
          """,
          [
            .text(reader.endpoint.description), .text(reader.link.description),
            .integer(Int64(reader.direction.rawValue)),
          ]
        ) { $0.isNull(0) ? Int64.max : $0.integer(0) }
        held = min(held, first ?? .max)
      }
      let waiting = try session.first("SELECT min(sequence) FROM waiting_changes") {
        $0.isNull(0) ? Int64.max : $0.integer(0)
      }
      held = min(held, waiting ?? .max)
      try session.execute(
        """
        DELETE FROM block_endpoints WHERE first_sequence IN
          (SELECT first_sequence FROM blocks WHERE appended_at < ?1 AND last_sequence < ?2)
        """, [.integer(before), .integer(held)])
      try session.execute(
        "DELETE FROM blocks WHERE appended_at < ? AND last_sequence < ?", [.integer(before), .integer(held)])
      return session.changes
    }
  }
}
