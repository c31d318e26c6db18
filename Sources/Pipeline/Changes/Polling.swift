package import JSON

/// How the changes of a table are found by asking for them.
package struct PollSettings: Hashable, Sendable {
  /// A column that grows with each change of a row: a time or a counter. Nil: every round reads the whole table.
  package var cursor: String?
  /// The columns that tell the rows apart; empty: those of the primary key.
  package var key: [String]
  /// For how long after a place was read the rows before it may still appear.
  package var overlap: Duration
  /// When rounds begin.
  package var every: Schedule
  /// From the beginning of one sweep to that of the next. Without a cursor each round is a sweep.
  package var sweep: Duration
  /// The share of a table's known rows that one sweep may find gone without asking; 1: all of them.
  package var deletes: Double
  package var use = TableUse()

  package init(
    cursor: String? = nil, key: [String] = [], overlap: Duration = Self.usualOverlap, every: Duration? = nil,
    sweep: Duration = Self.usualSweep, deletes: Double = Self.usualDeletes
  ) {
    self.cursor = cursor
    self.key = key
    self.overlap = overlap
    self.every = .every(every ?? (cursor == nil ? Self.usualEveryWhole : Self.usualEvery))
    self.sweep = sweep
    self.deletes = deletes
  }

  /// How many of `known` rows a sweep may find gone without asking: small tables lose most of their rows in a day's work.
  package func mayBeGone(of known: Int) -> Int {
    deletes >= 1 ? .max : max(Self.fewDeletes, Int(deletes * Double(known)))
  }

  /// Longer than an application usually takes from its timestamp to its first write, or to its commit.
  package static let usualOverlap = Duration.seconds(10)
  /// With an index on the cursor a round that finds nothing costs the database less than a millisecond.
  package static let usualEvery = Duration.seconds(5)
  /// Without a cursor each round reads the table.
  package static let usualEveryWhole = Duration.seconds(60)
  package static let usualSweep = Duration.seconds(3600)
  /// More than a fifth gone at once is rarely meant: a table was emptied to be loaded anew, a view lost a join.
  package static let usualDeletes = 0.2
  package static let fewDeletes = 100
}

/// What links do with a table: the rights that the role needs.
package struct TableUse: Hashable, Sendable {
  package enum Writes: Hashable, Sendable {
    case nothing
    /// These columns of rows that are there.
    case columns([String])
    case rows
  }
  /// The linked columns.
  package var reads: [String]
  package var writes: Writes

  package init(reads: [String] = [], writes: Writes = .nothing) {
    self.reads = reads
    self.writes = writes
  }
}

/// A place in the order of a table's cursor, with the key to tell rows of one moment apart.
package struct CursorMark: Hashable, Sendable {
  package var cursor: JSONValue
  package var key: RecordKey

  package init(cursor: JSONValue, key: RecordKey) {
    self.cursor = cursor
    self.key = key
  }
}

/// A row as a poll found it.
package struct PolledRow: Sendable {
  package var key: RecordKey
  /// The canonical JSON, byte for byte what the table's other ways of capture give.
  package var row: [UInt8]
  /// The cursor column's value; null where the table has none, or it was not asked for.
  package var cursor: JSONValue
  /// Whether no row that is changed from now on should come before this one: a time that is not over yet is no mark.
  package var isMark: Bool
  /// When the row was changed, where the cursor tells that beyond doubt.
  package var changedAt: Timestamp?
  /// Whether the table's restriction lets it be told. If not it is gone, and `row` is of no use.
  package var isTold: Bool
  /// The database's own version of the row, where it has one: it tells our own write that comes back.
  package var version: String?

  package init(
    key: RecordKey, row: [UInt8], cursor: JSONValue = .null, isMark: Bool = true, changedAt: Timestamp? = nil,
    isTold: Bool = true, version: String? = nil
  ) {
    self.key = key
    self.row = row
    self.cursor = cursor
    self.isMark = isMark
    self.changedAt = changedAt
    self.isTold = isTold
    self.version = version
  }
}

/// Rows of one moment, in the order that was asked for.
package struct PolledPage: Sendable {
  package var rows: [PolledRow]
  /// There is nothing after these.
  package var isLast: Bool
  /// Taken before the rows were read; see `Stamp`.
  package var stamp: Stamp
  /// By the database's clock, before the rows were read.
  package var readAt: Timestamp

  package init(_ rows: [PolledRow], isLast: Bool, stamp: Stamp, readAt: Timestamp) {
    self.rows = rows
    self.isLast = isLast
    self.stamp = stamp
    self.readAt = readAt
  }
}

/// A table or view, or anything else that has rows, as polling reads it. Each call is one short read of its own; later calls see later states.
///
/// All of them throw `Failure` or `EndUnavailable` for what the database says.
package protocol PolledTable: Sendable {
  var endpoint: EndpointName { get }

  /// In which life the database is; see `Position`.
  func epoch() async throws -> String

  /// The transactions that are writing at this moment, by names no other one of this epoch has. Empty where there can be
  /// none beside a reader, or the database cannot tell.
  func writers() async throws -> Set<String>

  /// The last row that is a mark; nil where there is none.
  func highest() async throws -> CursorMark?

  /// Rows after `mark` in the order of cursor and key: at most `limit`, and a few megabytes. Rows whose cursor is null or
  /// infinite are left out; those that may not be told are among them, so that one that has become such a row is found.
  func changed(after mark: CursorMark?, limit: Int) async throws -> PolledPage

  /// Rows after `key` in the order of keys: at most `limit`, and a few megabytes. Rows without a key, and those that may not
  /// be told, are left out.
  func rows(after key: RecordKey?, limit: Int) async throws -> PolledPage

  /// Those of `keys` that have no row that may be told.
  func gone(among keys: [RecordKey]) async throws -> (keys: Set<RecordKey>, stamp: Stamp, readAt: Timestamp)

  /// A word for all that the table holds now: another word after any change. Nil where only reading it tells.
  /// - Parameter known: the word for what was told last; the answer is that word where nothing changed since.
  func version(since known: String?) async throws -> String?

  /// Whether somebody has asked for a look now, since the last call.
  func takeWake() -> Bool
}

extension PolledTable {
  package func version(since known: String?) async throws -> String? { nil }
  package func takeWake() -> Bool { false }
}

/// 128 bits that stand for the content of a row.
package struct RowHash: Hashable, Sendable {
  package let high: UInt64
  package let low: UInt64

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// The inverse of `bytes`; nil for any other number of them.
  package init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 16 else { return nil }
    high = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    low = bytes.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
  }

  package var bytes: [UInt8] {
    [high, low].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> UInt64(56 - 8 * $0)) } }
  }

  /// Of a row that is known to have been there, whatever it held.
  package static let unknown = RowHash(high: 0, low: 0)
}

/// What was told of a row last.
package struct SeenRow: Hashable, Sendable {
  package var key: RecordKey
  /// Nil: that it is gone.
  package var hash: RowHash?

  package init(key: RecordKey, hash: RowHash?) {
    self.key = key
    self.hash = hash
  }
}

/// What a source has told of its rows, kept where its changes are kept: it holds what the batches brought that are durable.
package protocol SeenRows: Sendable {
  /// Of those among `keys` that are known.
  func seen(_ keys: [RecordKey], of source: SourceName) async throws -> [RecordKey: RowHash]

  /// The next known keys after `key`, in an order of the keeper's own that stays the same.
  func seenKeys(of source: SourceName, after key: RecordKey?, limit: Int) async throws -> [RecordKey]

  /// How many rows are known.
  func seenCount(of source: SourceName) async throws -> Int

  /// Whether somebody has said that `gone` of `known` rows, or more, may be told as deleted. Until then the question is kept
  /// where it can be seen and answered.
  func mayTell(_ gone: Int, goneOf known: Int, at source: SourceName) async throws -> Bool

  /// The question needs no answer any more.
  func forgetQuestion(of source: SourceName) async throws
}
