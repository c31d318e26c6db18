package import Changes
import SQLite

/// Writes of a link that are held back until somebody says that so many of them are meant.
package struct HeldChanges: Hashable, Sendable {
  package enum Kind: String, Hashable, Sendable, CaseIterable {
    case delete, overwrite

    /// Of the failure that a held change waits with.
    package var code: String { "guard.\(rawValue)" }
    package var plural: String { rawValue + "s" }
  }

  /// Of the failure of a change that waited and may pass.
  package static let approvedCode = "guard.approved"

  package let link: LinkName
  package let direction: Direction
  package let kind: Kind
  package let count: Int
  /// When the oldest of them was made.
  package let since: Timestamp
}

extension WaitingChange {
  /// It was held back: what its record is by now is looked at again before anything else.
  package var wasHeld: Bool { failure.code.hasPrefix("guard.") }
  package var isApproved: Bool { failure.code == HeldChanges.approvedCode }
}

extension ChangeLog {
  /// What waits for somebody, by link.
  package func heldChanges() async throws -> [HeldChanges] {
    try await reader.run { session in
      try session.all(
        """
        SELECT link, direction, code, count(*), min(since) FROM waiting_changes
        WHERE code IN ('guard.delete', 'guard.overwrite') GROUP BY link, direction, code ORDER BY link, direction, code
        """
      ) { row -> HeldChanges? in
        HeldChanges.Kind.allCases.first { $0.code == row.string(2) }.map { kind in
          HeldChanges(
            link: LinkName(row.string(0)), direction: Self.direction(row, 1), kind: kind, count: Int(row.integer(3)),
            since: Timestamp(microseconds: row.integer(4)))
        }
      }.compactMap { $0 }
    }
  }

  /// How many of a link and direction; kinds of which there are none are left out.
  package func heldChanges(of link: LinkName, _ direction: Direction) async throws -> [HeldChanges.Kind: Int] {
    let held = try await heldChanges().filter { $0.link == link && $0.direction == direction }
    return Dictionary(uniqueKeysWithValues: held.map { ($0.kind, $0.count) })
  }

  /// Says that the held writes of a link are meant. A running service makes them within seconds; others that are made later
  /// are held again.
  /// - Returns: how many.
  @discardableResult
  package func approve(_ link: LinkName) async throws -> Int {
    try await writer.transaction { session in
      try session.execute(
        """
        UPDATE waiting_changes SET due_at = 0, code = ?
        WHERE link = ? AND code IN ('guard.delete', 'guard.overwrite')
        """, [.text(HeldChanges.approvedCode), .text(link.description)])
      return session.changes
    }
  }

  /// Something happened to a record of which a write is held: whether it still is to be made is looked at again.
  package func wakeHeld(of link: LinkName, _ direction: Direction, key: RecordKey) async throws {
    try await writer.transaction { session in
      try session.execute(
        "UPDATE waiting_changes SET due_at = 0 WHERE link = ? AND direction = ? AND key = ? AND code LIKE 'guard.%'",
        [.text(link.description), .integer(Int64(direction.rawValue)), .text(key.encoded)])
    }
  }
}
