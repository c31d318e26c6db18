package import Changes
import JSON

/// One reading of an end into the log: what was asked for, how far it is, and how it ended.
package struct Backfill: Hashable, Sendable {
  package enum State: String, Sendable, CaseIterable {
    case requested, running, paused, done, cancelled, failed

    /// Something is still to be read, now or when somebody says so.
    package var isOpen: Bool { self != .done && self != .cancelled }
    /// It goes on by itself.
    package var isActive: Bool { self == .requested || self == .running }
  }

  package let id: Int64
  package let link: LinkName
  /// The side that is read.
  package let side: Side
  /// Why it runs: `initial`, `requested` (by an operator), or the gap it heals.
  package let reason: String
  package let options: BackfillOptions
  /// Where the next chunk starts; nil at the beginning, and again once done.
  package var place: Position?
  /// Rows that were read.
  package var rows: Int64 = 0
  /// Of the rows, those whose record a change in the log told of meanwhile: they are read again at their turn.
  package var gaveWay: Int64 = 0
  /// Keys that were asked for and have no record.
  package var missing: Int64 = 0
  /// Rows there are to read in all; nil: nobody knows.
  package var total: RowCount?
  /// Of the row that was read last, as a person types it.
  package var lastKey: String?
  /// Rows a second, of late.
  package var rate: Double?
  /// Why it rests; nil while it reads.
  package var note: String?
  /// Why it failed.
  package var failure: String?
  package var state: State
  package var requestedAt: Timestamp
  package var startedAt: Timestamp?
  package var endedAt: Timestamp?

  /// The reason of those that an operator asked for.
  package static let requested = "requested"
  /// The reason of those that bring a new link together.
  package static let initial = "initial"

  /// How much is done, from 0 to 1; nil where nobody knows how much there is.
  package var share: Double? {
    if state == .done { return 1 }
    guard let total, total.rows > 0 else { return nil }
    // An estimate may be too low: there is still something to come.
    return min(Double(rows + missing) / Double(total.rows), 0.999)
  }

  /// Rows still to be read; nil where nobody knows.
  package var remaining: Int64? {
    guard state.isOpen else { return 0 }
    return total.map { max(0, $0.rows - rows - missing) }
  }

  /// Seconds until everything is read at the present rate; nil where nobody knows.
  package var secondsLeft: Double? {
    guard let remaining, state.isOpen else { return nil }
    guard let rate, rate > 0 else { return nil }
    return Double(remaining) / rate
  }
}

/// What a backfill is to read and how, as it was asked for.
package struct BackfillOptions: Hashable, Sendable {
  package var selection: BackfillSelection
  /// The records were named one by one; see `ChangeLog.backfillKeys`.
  package var hasKeys: Bool
  /// At most so many rows a second; nil: as fast as live changes leave room for.
  package var rowsPerSecond: Int?
  /// It rests while live changes are further behind than this.
  package var mostLag: Duration
  /// Reads on however much waits to be delivered: the log takes it all.
  package var isLogOnly: Bool
  /// Records that the link knows are looked for afterwards, and those that are gone are told as deleted: nobody saw it.
  package var findsGone: Bool
  /// Who wins in what the sides of its records never agreed on, as the command had it; nil: as the link says.
  package var firstContact: String?
  /// Parts that are read side by side, where the end can be read so.
  package var parts: Int

  /// Live changes usually arrive within a second; five say that something is in their way.
  package static let usualMostLag = Duration.seconds(5)

  package init(
    selection: BackfillSelection = .everything, hasKeys: Bool = false, rowsPerSecond: Int? = nil,
    mostLag: Duration = usualMostLag, isLogOnly: Bool = false, findsGone: Bool = false, firstContact: String? = nil,
    parts: Int = 1
  ) {
    self.selection = selection
    self.hasKeys = hasKeys
    self.rowsPerSecond = rowsPerSecond
    self.mostLag = mostLag
    self.isLogOnly = isLogOnly
    self.findsGone = findsGone
    self.firstContact = firstContact
    self.parts = parts
  }

  /// As the log keeps them.
  var text: String {
    var object = JSONObject()
    object["where"] = selection.condition.map { .string($0) }
    object["since"] = selection.since.map { .integer($0.microseconds) }
    if hasKeys { object["keys"] = .bool(true) }
    object["rate"] = rowsPerSecond.map { .integer($0) }
    if mostLag != Self.usualMostLag { object["most_lag_ms"] = .integer(Int64(mostLag / .milliseconds(1))) }
    if isLogOnly { object["log_only"] = .bool(true) }
    if findsGone { object["finds_gone"] = .bool(true) }
    object["first_contact"] = firstContact.map { .string($0) }
    if parts > 1 { object["parts"] = .integer(parts) }
    return object.text
  }

  init(text: [UInt8]) throws(JSONError) {
    let object = try JSONObject(parsing: text)
    self.init(
      selection: BackfillSelection(
        condition: object["where"]?.stringValue,
        since: object["since"]?.integerValue.map(Timestamp.init(microseconds:))),
      hasKeys: object["keys"]?.boolValue ?? false, rowsPerSecond: object["rate"]?.integerValue.map { Int($0) },
      mostLag: object["most_lag_ms"]?.integerValue.map { .milliseconds($0) } ?? Self.usualMostLag,
      isLogOnly: object["log_only"]?.boolValue ?? false, findsGone: object["finds_gone"]?.boolValue ?? false,
      firstContact: object["first_contact"]?.stringValue,
      parts: object["parts"]?.integerValue.map { Int($0) } ?? 1)
  }
}
