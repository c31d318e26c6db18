import Changes
import JSON
import Postgres

/// Turns the messages of a slot's stream into changes. Decides only: it does no I/O, and what it cannot tell from the
/// messages it leaves as doubts for `WALCompletion`.
struct WALAssembler: Sendable {
  private struct Transaction: Sendable {
    var xid: UInt32
    var commit: LSN
    var committedAt: Timestamp
    var origin = Origin.application
    /// Changes told so far, those that were skipped included.
    var changes = 0
    /// Changes that an earlier batch holds already.
    var skipped = 0
    /// Keys that a changed key moved to: another row may have had such a key when it was taken.
    var taken: Set<TakenKey> = []
  }

  private struct TakenKey: Hashable {
    var relation: UInt32
    var key: RecordKey
  }

  /// Up to where the changes told so far reach.
  private(set) var place: WALPlace
  /// Not yet taken out.
  private(set) var changes: [Change] = []
  private var doubts: [WALDoubt] = []
  /// Transactions that the changes are of.
  private var transactions: [UInt32] = []
  /// A table that the rows to come are of, and whose types have to be looked up first.
  private(set) var unknown: RelationMessage?
  private var relations: [UInt32: WALRelation] = [:]
  private var transaction: Transaction?
  private var resumed: WALPlace.Inside?
  private var bytes = 0

  private static let mostChanges = 4000
  private static let mostBytes = 4 << 20

  /// - Parameter place: from where the stream was asked for. Changes of a transaction that an earlier batch ended inside
  ///   come once more and are left out.
  init(from place: WALPlace) {
    self.place = place
    resumed = place.inside
  }

  /// Whether what was gathered should be taken out before more is.
  var isFull: Bool { changes.count >= Self.mostChanges || bytes >= Self.mostBytes }
  var isInsideTransaction: Bool { transaction != nil }

  /// - Returns: whether it takes more now.
  mutating func take(_ message: Span<UInt8>, at start: LSN) throws -> Bool {
    switch try PgOutputMessage(message) {
    case .begin(let commit, let committedAt, let xid): begin(xid, commit, Timestamp(microseconds: committedAt))
    case .commit(let end):
      transaction = nil
      place = WALPlace(through: max(place.through, end))
    case .relation(let relation):
      unknown = relation
      return false
    case .insert(let relation, let new):
      try change(of: relation) { known, transaction, assembler in
        try assembler.append(.insert, new, known, message, start, transaction)
      }
    case .update(let relation, let old, let new):
      try change(of: relation) { known, transaction, assembler in
        try assembler.update(old, new, relation, known, message, start, transaction)
      }
    case .delete(let relation, let old):
      try change(of: relation) { known, transaction, assembler in
        try assembler.delete(old, relation, known, message, start, transaction)
      }
    case .truncate(let truncated): truncate(truncated, start)
    case .logical(let isTransactional, let prefix):
      if isTransactional, prefix == WALSlot.mark { transaction?.origin = .tidemark }
    case .other: break
    }
    return !isFull
  }

  /// Answers `unknown`.
  mutating func learn(_ relation: WALRelation) {
    relations[UInt32(truncatingIfNeeded: relation.oid)] = relation
    unknown = nil
  }

  /// The server has nothing more of what was written before `end`.
  mutating func reach(_ end: LSN) {
    guard transaction == nil, end > place.through else { return }
    place.through = end
    if let inside = place.inside, inside.commit < end { place.inside = nil }
  }

  /// Hands out what was gathered. The place it reaches stays.
  mutating func takeOut() -> (changes: [Change], doubts: [WALDoubt], transactions: [UInt32]) {
    defer {
      changes = []
      doubts = []
      transactions = []
      bytes = 0
    }
    return (changes, doubts, transactions)
  }

  // MARK: - Transactions

  private mutating func begin(_ xid: UInt32, _ commit: LSN, _ committedAt: Timestamp) {
    var begun = Transaction(xid: xid, commit: commit, committedAt: committedAt)
    if let resumed, resumed.commit == commit { begun.skipped = resumed.changes }
    if let resumed, resumed.commit <= commit { self.resumed = nil }
    transaction = begun
  }

  /// Counts a change and hands it on, unless an earlier batch holds it or no link is interested.
  private mutating func change(
    of oid: UInt32, _ body: (WALRelation, Transaction, inout WALAssembler) throws -> Void
  ) throws {
    guard let relation = relations[oid] else { throw PgOutputError.relation(oid) }
    guard let current = count() else { return }
    if relation.endpoint != nil { try body(relation, current, &self) }
  }

  /// - Returns: nil for a change that an earlier batch holds.
  private mutating func count() -> Transaction? {
    guard var current = transaction else { return nil }
    transaction = nil
    current.changes += 1
    defer { transaction = current }
    // The place already tells of those that an earlier batch holds.
    guard current.changes > current.skipped else { return nil }
    if transactions.last != current.xid { transactions.append(current.xid) }
    place.inside = WALPlace.Inside(commit: current.commit, changes: current.changes)
    return current
  }

  // MARK: - Changes

  private mutating func append(
    _ operation: Operation, _ values: TuplePlaces, _ relation: WALRelation, _ message: Span<UInt8>,
    _ start: LSN, _ transaction: Transaction
  ) throws {
    guard let endpoint = relation.endpoint else { return }
    let (row, missing) = try relation.row(values, message)
    changes.append(
      Change(
        operation, of: endpoint, key: try relation.key(of: values, message), row: row, origin: transaction.origin,
        stamp: Stamp(Int64(bitPattern: start.number)), committedAt: transaction.committedAt))
    bytes += row.count
    guard let missing, relation.composites?.areNewer(than: transaction.xid) != true else {
      return doubts.append(WALDoubt(change: changes.count - 1, relation: relation, kind: .row))
    }
    guard !missing.isEmpty else { return }
    doubts.append(
      WALDoubt(
        change: changes.count - 1, relation: relation,
        kind: .columns(missing, of: values, in: (0..<message.count).map { message[$0] })))
  }

  /// A changed key is a delete and an insert.
  private mutating func update(
    _ old: TuplePlaces?, _ new: TuplePlaces, _ oid: UInt32, _ relation: WALRelation, _ message: Span<UInt8>,
    _ start: LSN, _ transaction: Transaction
  ) throws {
    guard let old, try relation.key(of: old, message) != relation.key(of: new, message) else {
      return try append(.update, new, relation, message, start, transaction)
    }
    try delete(old, oid, relation, message, start, transaction)
    self.transaction?.taken.insert(TakenKey(relation: oid, key: try relation.key(of: new, message)))
    try append(.insert, new, relation, message, start, transaction)
  }

  private mutating func delete(
    _ old: TuplePlaces, _ oid: UInt32, _ relation: WALRelation, _ message: Span<UInt8>, _ start: LSN,
    _ transaction: Transaction
  ) throws {
    guard let endpoint = relation.endpoint else { return }
    let key = try relation.key(of: old, message)
    let row = try relation.identity(old, message)
    changes.append(
      Change(
        .delete, of: endpoint, key: key, row: row, origin: transaction.origin,
        stamp: Stamp(Int64(bitPattern: start.number)), committedAt: transaction.committedAt))
    bytes += row.count
    // `SET id = id + 1`: the row that had this key is gone from it, and another one may have it now.
    guard transaction.taken.contains(TakenKey(relation: oid, key: key)) else { return }
    doubts.append(WALDoubt(change: changes.count - 1, relation: relation, kind: .existence))
  }

  private mutating func truncate(_ truncated: [UInt32], _ start: LSN) {
    guard let current = count() else { return }
    for oid in truncated {
      guard let endpoint = relations[oid]?.endpoint else { continue }
      changes.append(
        Change(
          .truncate, of: endpoint, key: RecordKey([]), origin: current.origin,
          stamp: Stamp(Int64(bitPattern: start.number)), committedAt: current.committedAt))
    }
  }
}

/// Something about a change that the stream does not tell.
struct WALDoubt: Sendable {
  enum Kind: Sendable {
    /// The values of these columns: large ones that the update did not touch, or of types whose JSON only the server
    /// can make.
    case columns([Int], of: TuplePlaces, in: [UInt8])
    /// All of it: a type was altered since it was written.
    case row
    /// Whether a record with the key of a delete is still there.
    case existence
  }

  var change: Int
  var relation: WALRelation
  var kind: Kind
}
