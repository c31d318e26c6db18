import Changes

extension StatusReport {
  /// The report for a terminal of 80 columns. Ends with a newline.
  package var text: String {
    var lines = [
      headline,
      "log      \(ShownText.plain(log.path)), \(ShownText.bytes(log.bytes)), "
        + "sequence \(log.first)–\(log.last)",
    ]
    if let hold = log.hold { lines.append("         kept longer than configured: \(ShownText.plain(hold))") }
    if !sources.isEmpty {
      let rows = sources.map { source in
        [
          source.name, source.kind.rawValue, source.state.rawValue, ShownText.seconds(source.captureLagSeconds),
          ShownText.count(source.outboxChanges), source.retainedBytes.map(ShownText.bytes) ?? "–",
          ShownText.seconds(source.oldestTransactionSeconds),
        ]
      }
      let heads = ["SOURCE", "KIND", "STATE", "LAG", "OUTBOX", "KEPT", "OLDEST TX"]
      lines += ["", TextTable(heads, rows, numbers: 3).text]
      lines += sources.flatMap(\.warnings).map { TextTable.cut(ShownText.plain($0), to: 80) }
    }
    if !links.isEmpty {
      let heads = ["LINK", "WAY", "STATE", "PENDING", "LAG", "WAITING", "DELIVERED", "CONFL", "DEAD"]
      lines += ["", TextTable(heads, links.flatMap(Self.rows), numbers: 3).text]
    }
    for link in links {
      guard let paused = link.paused else { continue }
      let reason = paused.reason.map { ": \($0)" } ?? ""
      lines.append(
        TextTable.cut(
          ShownText.plain("paused \(link.name) \(ShownText.age(paused.at, at: generatedAt))\(reason)"),
          to: TextTable.width))
    }
    lines += verifications
    if !backfills.isEmpty { lines += [""] + Self.table(backfills) }
    for (name, standstill) in standstills {
      lines += ["", ShownText.plain("! \(standstill.stage) \(name): \(standstill.detail ?? standstill.reason)")]
      lines.append("  \(ShownText.plain(standstill.advice))")
    }
    lines += recent
    return lines.joined(separator: "\n") + "\n"
  }

  private var headline: String {
    guard service.isRunning else { return "tidemark \(service.version): not running" }
    let process = service.processID.map { ", pid \($0)" } ?? ""
    let uptime = service.uptime.map { ", up \(ShownText.seconds($0 / .seconds(1)))" } ?? ""
    return "tidemark \(service.version): \(state.rawValue)\(process)\(uptime)"
  }

  private static func rows(_ link: Link) -> [[String]] {
    [("push", link.push), ("pull", link.pull)].compactMap { name, way in
      way.map { way in
        [
          link.name, name, way.state(of: link).rawValue,
          ShownText.count(way.pendingChanges), ShownText.seconds(way.replayLagSeconds), ShownText.count(way.waiting),
          ShownText.count(way.deliveredTotal), ShownText.count(link.conflictsOpen), ShownText.count(link.deadLetters),
        ]
      }
    }
  }

  private var verifications: [String] {
    links.compactMap { link in
      link.verified.map { verified in
        let moving = verified.inFlight == 0 ? "" : ", \(ShownText.count(verified.inFlight)) in flight"
        return "verified \(ShownText.plain(link.name)): \(ShownText.count(verified.compared)) records compared "
          + "\(ShownText.age(verified.at, at: generatedAt)), \(verified.outcome)\(moving)"
      }
    }
  }

  private var recent: [String] {
    var lines: [String] = []
    for conflict in conflicts.prefix(5) {
      let fields = conflict.fields.isEmpty ? "the whole record" : conflict.fields.joined(separator: ", ")
      lines.append("conflict \(conflict.id)  \(conflict.link) \(conflict.key): \(fields) (\(conflict.resolution))")
    }
    for letter in deadLetters.prefix(5) {
      lines.append("dead letter \(letter.id)  \(letter.link) \(letter.direction) \(letter.key): \(letter.reason)")
    }
    return (lines.isEmpty ? [] : [""]) + lines.map { TextTable.cut(ShownText.plain($0), to: 80) }
  }
}

extension StatusReport.Verified {
  var outcome: String { differences == 0 ? "all equal" : "\(ShownText.count(differences)) differ" }
}

extension StatusReport.Source {
  /// A transaction open for so long is worth a word: space behind it cannot be reclaimed.
  private static let longTransaction = 60.0

  fileprivate var warnings: [String] {
    var warnings: [String] = []
    if let seconds = oldestTransactionSeconds, seconds >= Self.longTransaction, let oldestTransactionHolder {
      warnings.append(
        "  \(name): \(oldestTransactionHolder) holds a transaction open for \(ShownText.seconds(seconds))")
    }
    if let fullInSeconds {
      let room = safeBytes.map { ", \(ShownText.bytes($0)) from now" } ?? ""
      warnings.append("  \(name): lets changes go in about \(ShownText.seconds(fullInSeconds))\(room)")
    }
    return warnings
  }
}

extension StatusReport.Way {
  /// One direction of a stalled link may well go on.
  fileprivate func state(of link: StatusReport.Link) -> StatusReport.State {
    if stalled != nil { return .stalled }
    return link.state == .stalled ? .running : link.state
  }
}

/// Columns as wide as their longest cell, two spaces apart, cut to 80 columns by shortening the first.
struct TextTable {
  static let width = 80
  let text: String

  /// - Parameter numbers: the column from which on cells stand to the right.
  init(_ heads: [String], _ rows: [[String]], numbers: Int) {
    let all = [heads] + rows.map { $0.map(ShownText.plain) }
    var widths = heads.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    let excess = widths.reduce(0, +) + 2 * (heads.count - 1) - Self.width
    if excess > 0 { widths[0] = max(6, widths[0] - excess) }
    text = all.map { row in
      let cells = row.indices.map { column in
        let cell = Self.cut(row[column], to: widths[column])
        let space = String(repeating: " ", count: widths[column] - cell.count)
        return column >= numbers ? space + cell : cell + space
      }
      let line = cells.joined(separator: "  ")
      return String(line.reversed().drop { $0 == " " }.reversed())
    }.joined(separator: "\n")
  }

  static func cut(_ text: String, to width: Int) -> String {
    text.count <= width ? text : String(text.prefix(max(0, width - 1))) + "…"
  }
}
