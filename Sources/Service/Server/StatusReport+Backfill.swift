package import Changes
package import JSON

extension StatusReport {
  /// One reading of an end: under way, waiting for somebody, or ended a short while ago.
  package struct Backfill: Sendable, Hashable {
    package var id: Int64
    package var link: String
    /// `database` or `application`.
    package var from: String
    /// The table or object that is read.
    package var endpoint: String
    package var reason: String
    /// `requested`, `running`, `paused`, `done`, `cancelled`, `failed`.
    package var state: String
    package var rows: Int64 = 0
    package var gaveWay: Int64 = 0
    package var missing: Int64 = 0
    /// Nil: nobody knows.
    package var total: Int64?
    package var isTotalExact = false
    /// From 0 to 1; nil where nobody knows the total.
    package var share: Double?
    package var rowsPerSecond: Double?
    package var secondsLeft: Double?
    /// Of the row that was read last.
    package var key: String?
    /// Why it rests, or why it failed.
    package var note: String?
    package var requestedAt: Timestamp
    package var startedAt: Timestamp?
    package var endedAt: Timestamp?

    package init(
      id: Int64, link: String, from: String, endpoint: String, reason: String, state: String, requestedAt: Timestamp
    ) {
      self.id = id
      self.link = link
      self.from = from
      self.endpoint = endpoint
      self.reason = reason
      self.state = state
      self.requestedAt = requestedAt
    }

    package var isOpen: Bool { state != "done" && state != "cancelled" }
  }
}

extension StatusReport.Backfill {
  package var json: JSONValue {
    [
      "id": .integer(id), "link": .string(link), "from": .string(from), "endpoint": .string(endpoint),
      "reason": .string(reason), "state": .string(state), "rows": .integer(rows), "gave_way": .integer(gaveWay),
      "missing": .integer(missing), "total": .optional(total), "total_is_exact": .bool(isTotalExact),
      "percent": .measured(share.map { $0 * 100 }), "rows_per_second": .measured(rowsPerSecond),
      "seconds_left": .measured(secondsLeft), "key": .optional(key), "note": .optional(note),
      "requested_at": requestedAt.json, "started_at": startedAt?.json ?? .null, "ended_at": endedAt?.json ?? .null,
    ]
  }

  init(members: Members) throws(StatusReportError) {
    self.init(
      id: try members.integer("id"), link: try members.string("link"), from: try members.string("from"),
      endpoint: try members.string("endpoint"), reason: try members.string("reason"),
      state: try members.string("state"), requestedAt: try members.time("requested_at"))
    rows = try members.integer("rows")
    gaveWay = try members.integer("gave_way")
    missing = try members.integer("missing")
    total = members.optional("total", \.integerValue)
    isTotalExact = try members.bool("total_is_exact")
    share = members.optional("percent") { Double($0.text) }.map { $0 / 100 }
    rowsPerSecond = members.optional("rows_per_second") { Double($0.text) }
    secondsLeft = members.optional("seconds_left") { Double($0.text) }
    key = members.optional("key", \.stringValue)
    note = members.optional("note", \.stringValue)
    startedAt = members.optional("started_at", Timestamp.init(json:))
    endedAt = members.optional("ended_at", Timestamp.init(json:))
  }
}

/// How a backfill stands, in one line.
extension StatusReport.Backfill {
  private static let barWidth = 20

  /// For a terminal: a bar, what is done, how fast, how long still, where.
  package func bar(width: Int) -> String {
    let done = share.map { "\(Self.drawn($0)) \(percent)" } ?? String(repeating: "·", count: Self.barWidth)
    let parts = [amount] + (state == "running" ? [pace, left, place] : [state]) + [note]
    let text = "\(link) \(done)  " + parts.compactMap { $0 }.joined(separator: "  ")
    return TextTable.cut(ShownText.plain(text), to: width)
  }

  /// For a pipe.
  package var line: String {
    let parts = [share.map { _ in percent }, amount] + (state == "running" ? [pace, left, place] : [state]) + [note]
    return ShownText.plain("\(link): " + parts.compactMap { $0 }.joined(separator: ", "))
  }

  var percent: String { share.map { "\(Int($0 * 100)) %" } ?? "unknown" }

  /// `1 234 of ≈ 5 000 rows`.
  var amount: String {
    let gone = gaveWay == 0 ? "" : " (\(ShownText.count(gaveWay)) gave way to changes)"
    let lacking = missing == 0 ? "" : ", \(ShownText.count(missing)) keys without a record"
    if state == "done" { return "\(ShownText.count(rows)) rows\(gone)\(lacking)" }
    let of = total.map { " of \(isTotalExact ? "" : "≈\u{202F}")\(ShownText.count($0)) rows" } ?? " rows, total unknown"
    return ShownText.count(rows) + of + gone + lacking
  }

  var pace: String? { rowsPerSecond.map { "\(ShownText.count(Int64($0.rounded()))) rows/s" } }
  var left: String? { total == nil ? nil : secondsLeft.map { "\(ShownText.seconds($0)) left" } }
  private var place: String? { key.map { "at \($0)" } }

  private static func drawn(_ share: Double) -> String {
    let eighths = Int((min(max(share, 0), 1) * Double(8 * barWidth)).rounded(.down))
    let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
    let full = String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
    return full + String(repeating: "░", count: barWidth - full.count)
  }
}

extension StatusReport {
  /// The backfills as a table for a terminal of 80 columns, each with its note below.
  package static func table(_ backfills: [Backfill]) -> [String] {
    guard !backfills.isEmpty else { return [] }
    let heads = ["BACKFILL", "LINK", "FROM", "STATE", "DONE", "ROWS", "ROWS/S", "LEFT"]
    let rows = backfills.map { backfill in
      [
        "\(backfill.id)", backfill.link, backfill.from, backfill.state, backfill.percent,
        ShownText.count(backfill.rows), backfill.rowsPerSecond.map { ShownText.count(Int64($0.rounded())) } ?? "–",
        backfill.state == "running" ? ShownText.seconds(backfill.secondsLeft) : "–",
      ]
    }
    return [TextTable(heads, rows, numbers: 4).text]
      + backfills.compactMap { backfill in
        backfill.note.map { TextTable.cut(ShownText.plain("  \(backfill.id): \($0)"), to: 200) }
      }
  }
}
