package import Changes
import JSON
import SQLite

extension ChangeLog {
  /// Conflicts, newest first; of every link where none is named.
  /// - Parameter before: only those with a lower number: the next page of a listing.
  package func conflicts(
    of link: LinkName? = nil, openOnly: Bool, limit: Int, before: Int64? = nil
  ) async throws -> [ConflictRecord] {
    try await conflicts(
      "(?1 IS NULL OR link = ?1) AND (winner IS NULL OR NOT ?2) AND id < ?4 ORDER BY id DESC LIMIT ?3",
      [
        .text(orNull: link?.description), .integer(openOnly ? 1 : 0), .integer(Int64(limit)),
        .integer(before ?? .max),
      ])
  }

  package func conflict(_ id: Int64) async throws -> ConflictRecord? {
    try await conflicts("id = ?", [.integer(id)]).first
  }

  /// The conflicts of a link met since a moment, oldest first.
  package func conflicts(of link: LinkName, metSince moment: Timestamp) async throws -> [ConflictRecord] {
    try await conflicts(
      "link = ? AND met_at >= ? ORDER BY id", [.text(link.description), .integer(moment.microseconds)])
  }

  private func conflicts(_ condition: String, _ bindings: [SQLiteValue]) async throws -> [ConflictRecord] {
    try await reader.run { session in
      try session.all(
        """
        SELECT id, link, direction, sequence, local_key, remote_key, kind, field, base, local, remote, policy, winner,
          met_at, outcome, ruling, local_at, remote_at
        FROM conflicts WHERE \(condition)
        """, bindings, Self.conflict)
    }
  }

  private static func conflict(_ row: SQLiteRow) throws -> ConflictRecord {
    let decision: Decision? =
      switch row.isNull(12) ? nil : row.integer(12) {
      case nil: nil
      case 2: .value(try value(row, 14) ?? .null)
      case let number?: .side(Side(rawValue: UInt8(clamping: number)) ?? .local)
      }
    return ConflictRecord(
      id: row.integer(0), link: LinkName(row.string(1)), direction: direction(row, 2),
      sequence: LogSequence(row.integer(3)), localKey: row.string(4), remoteKey: row.string(5), kind: row.string(6),
      field: row.string(7).isEmpty ? nil : row.string(7), base: try value(row, 8), local: try value(row, 9),
      remote: try value(row, 10), policy: row.string(11), decision: decision,
      metAt: Timestamp(microseconds: row.integer(13)), localAt: time(row, 16), remoteAt: time(row, 17),
      order: try order(row, 15), isDoubtful: try isDoubtful(row, 15))
  }

  private static func value(_ row: SQLiteRow, _ column: Int) throws -> JSONValue? {
    try row.optionalString(column).map { try JSONValue(parsing: $0) }
  }

  private static func time(_ row: SQLiteRow, _ column: Int) -> Timestamp? {
    row.isNull(column) ? nil : Timestamp(microseconds: row.integer(column))
  }

  private static func isDoubtful(_ row: SQLiteRow, _ column: Int) throws -> Bool {
    try value(row, column)?.objectValue?["doubt"] == true
  }

  private static func order(_ row: SQLiteRow, _ column: Int) throws -> Ruling.Order? {
    try value(row, column).flatMap(Ruling.Order.init(json:))
  }

  /// What people said about the conflicts of a record and is not carried out.
  static func rulings(of link: LinkName, _ localKey: RecordKey, _ session: SQLiteSession) throws -> [Ruling] {
    try session.all(
      """
      SELECT field, base, local, remote, ruling FROM conflicts INDEXED BY conflicts_ruled
      WHERE link = ? AND local_key = ? AND ruling IS NOT NULL
      """, [.text(link.description), .text(localKey.encoded)]
    ) { row in
      Ruling(
        field: row.string(0).isEmpty ? nil : row.string(0), base: try value(row, 1), local: try value(row, 2),
        remote: try value(row, 3), order: try order(row, 4), isDoubtful: try isDoubtful(row, 4))
    }
  }

  /// Puts down what a person said about a conflict, for the delivery that carries it out.
  /// - Returns: false if the conflict is not any more what the person saw; nothing is put down then.
  package func rule(_ order: Ruling.Order, on seen: ConflictRecord) async throws -> Bool {
    try await writer.transaction { session in
      // Values as they are written: a conflict that was met again with others is another question.
      try session.execute(
        """
        UPDATE conflicts SET ruling = ?, winner = NULL, outcome = NULL
        WHERE id = ? AND local IS ? AND remote IS ? AND winner IS ?
        """,
        [
          .text(orNull: Self.ruling(order, seen.isDoubtful)), .integer(seen.id), .text(orNull: seen.local?.text),
          .text(orNull: seen.remote?.text),
          Self.winner(seen.decision),
        ])
      return session.changes > 0
    }
  }

  static func save(_ conflict: ConflictRecord, _ link: [SQLiteValue], _ session: SQLiteSession) throws {
    // An open conflict of the same field is met again by later changes: the latest values replace it, or decide it.
    let open = try session.first(
      "SELECT id FROM conflicts WHERE link = ? AND local_key = ? AND field = ? AND winner IS NULL",
      [link[0], .text(conflict.localKey), .text(conflict.field ?? "")]
    ) { $0.integer(0) }
    if let open { try session.execute("DELETE FROM conflicts WHERE id = ?", [.integer(open)]) }
    try session.execute(
      """
      INSERT OR REPLACE INTO conflicts (id, link, direction, sequence, local_key, remote_key, kind, field, base, local,
        remote, policy, winner, met_at, outcome, ruling, local_at, remote_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """,
      [open.map { .integer($0) } ?? .null] + link + [
        .integer(conflict.sequence.number), .text(conflict.localKey), .text(conflict.remoteKey), .text(conflict.kind),
        .text(conflict.field ?? ""), .text(orNull: conflict.base?.text), .text(orNull: conflict.local?.text),
        .text(orNull: conflict.remote?.text), .text(conflict.policy), winner(conflict.decision),
        .integer(conflict.metAt.microseconds), .text(orNull: conflict.decision?.value?.text),
        .text(orNull: ruling(conflict.order, conflict.isDoubtful)),
        conflict.localAt.map { .integer($0.microseconds) } ?? .null,
        conflict.remoteAt.map { .integer($0.microseconds) } ?? .null,
      ])
  }

  private static func ruling(_ order: Ruling.Order?, _ isDoubtful: Bool) -> String? {
    var members = order?.json.objectValue ?? [:]
    if isDoubtful { members["doubt"] = true }
    return members.isEmpty ? nil : members.text
  }

  private static func winner(_ decision: Decision?) -> SQLiteValue {
    switch decision {
    case .side(let side)?: .integer(Int64(side.rawValue))
    case .value?: .integer(2)
    case nil: .null
    }
  }

  /// The sides became equal without a decision: somebody made them so.
  static func closeConflicts(of state: RecordState, _ settlement: Settlement, _ session: SQLiteSession) throws {
    let link = SQLiteValue.text(settlement.link.description)
    let open = try session.all(
      "SELECT id, field, ruling FROM conflicts WHERE link = ? AND local_key = ? AND winner IS NULL",
      [link, .text(state.local.key.encoded)]
    ) { (id: $0.integer(0), field: $0.string(1), order: try order($0, 2)) }
    for row in open where !settlement.conflicts.contains(where: { ($0.field ?? "") == row.field }) {
      guard state.base == nil || isOver(row.field, row.order, settlement.shared) else { continue }
      try session.execute(
        "UPDATE conflicts SET winner = ?, policy = 'agreed', ruling = NULL WHERE id = ?",
        [.integer(Int64(settlement.direction.rawValue)), .integer(row.id)])
    }
  }

  private static func isOver(_ field: String, _ order: Ruling.Order?, _ shared: JSONObject) -> Bool {
    // A record that both sides have is no question any more.
    guard !field.isEmpty else { return !shared.isEmpty }
    guard let value = shared[field] else { return false }
    // What is to be taken back is what both sides hold.
    return order != .restore(from: value)
  }
}

extension Decision {
  var value: JSONValue? {
    if case .value(let value) = self { value } else { nil }
  }
}

extension Ruling.Order {
  var json: JSONValue {
    switch self {
    case .decide(.side(let side)): ["side": .integer(Int64(side.rawValue))]
    case .decide(.value(let value)): ["value": value]
    case .restore(let from): ["restore": from]
    case .hold: ["hold": true]
    }
  }

  /// The inverse of `json`; nil for what another version said.
  init?(json: JSONValue) {
    guard let member = json.objectValue?.members.first else { return nil }
    switch member.name {
    case "side":
      guard let side = member.value.integerValue.flatMap({ Side(rawValue: UInt8(clamping: $0)) }) else { return nil }
      self = .decide(.side(side))
    case "value": self = .decide(.value(member.value))
    case "restore": self = .restore(from: member.value)
    case "hold": self = .hold
    default: return nil
    }
  }
}
