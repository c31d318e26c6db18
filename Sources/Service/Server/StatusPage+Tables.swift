import Changes

/// The lower half of the status page.
extension StatusPage {
  func sources(_ kind: StatusReport.Source.Kind, _ title: String) -> HTML {
    let sources = report.sources.filter { $0.kind == kind }
    guard !sources.isEmpty else { return "" }
    let isDatabase = kind == .database
    let rows = sources.map { source -> [Cell] in
      let common: [Cell] = [
        Cell("Name", "<b>\(source.name)</b>"),
        Cell("State", "<span class=\"pill \(source.state.rawValue)\">\(source.state.rawValue)</span>"),
        Cell("Capture lag", "\(ShownText.seconds(source.captureLagSeconds))", isNumber: true),
      ]
      let own: [Cell] =
        isDatabase
        ? [
          Cell("Outbox", "\(ShownText.count(source.outboxChanges))", isNumber: true),
          Cell("Kept", "\(source.retainedBytes.map(ShownText.bytes) ?? "–")", isNumber: true),
          Cell(
            "Oldest transaction",
            "\(ShownText.seconds(source.oldestTransactionSeconds)) \(source.oldestTransactionHolder ?? "")",
            isNumber: true),
        ] : []
      return common + own + [Cell("Watermark", "<code>\(source.watermark ?? "–")</code>")]
    }
    return table(title, rows)
  }

  var backfills: HTML {
    table(
      "Backfills",
      report.backfills.map { backfill in
        let isRunning = backfill.state == "running"
        let pace: String = isRunning ? backfill.pace ?? "–" : "–"
        let left: String = isRunning ? ShownText.seconds(backfill.secondsLeft) : "–"
        let note: String = backfill.note ?? ""
        var bar: HTML = "unknown"
        if let share = backfill.share.map({ "\(Int($0 * 100))" }) {
          bar = "<progress max=\"100\" value=\"\(share)\" aria-label=\"done\"></progress> \(share) %"
        }
        return [
          Cell("Backfill", "\("\(backfill.id)") <b>\(backfill.link)</b> <small>from \(backfill.endpoint)</small>"),
          Cell("State", "<span class=\"pill \(backfill.pill)\">\(backfill.state)</span> \(note)"),
          Cell("Done", bar),
          Cell("Rows", "\(backfill.amount)", isNumber: true),
          Cell("Rate", "\(pace)", isNumber: true),
          Cell("Left", "\(left)", isNumber: true),
        ] + actions(backfillActions(backfill))
      })
  }

  var conflicts: HTML {
    table(
      "Recent conflicts",
      report.conflicts.map { conflict in
        [
          Cell("Link", "\(conflict.link)"), Cell("Record", "<code>\(conflict.key)</code>"),
          Cell(
            "Fields", "\(conflict.fields.isEmpty ? "the whole record" : conflict.fields.joined(separator: ", "))"),
          Cell(
            "Outcome", "<span class=\"\(conflict.resolution == "open" ? "bad" : "")\">\(conflict.resolution)</span>"),
          Cell("When", time(conflict.at)),
        ]
          + actions("<button type=\"button\" data-conflict=\"\("\(conflict.id)")\">Look</button>")
      })
  }

  var deadLetters: HTML {
    table(
      "Dead letters",
      report.deadLetters.map { letter in
        [
          Cell("Link", "\(letter.link) <small>\(letter.direction)</small>"),
          Cell("Record", "<code>\(letter.key)</code>"), Cell("Reason", "\(letter.reason)"),
          Cell("When", time(letter.at)),
        ]
          + actions(
            button("Retry", "dead-letters/\(letter.id)/retry")
              + button(
                "Drop", "dead-letters/\(letter.id)", method: "DELETE",
                asking: "Drop dead letter \(letter.id)? Its change will not be delivered."))
      })
  }

  var footer: HTML {
    """
    <footer>Log <code>\(report.log.path)</code>, \(ShownText.bytes(report.log.bytes)), sequence \
    \(ShownText.count(report.log.first.number)) to \(ShownText.count(report.log.last.number)) · \
    <time datetime="\(report.generatedAt.text)">\(String(report.generatedAt.text.dropFirst(11).prefix(8))) UTC</time> · \
    <a href="/metrics">metrics</a> · <a href="/api/v1/status">JSON</a></footer>
    """
  }

  private func backfillActions(_ backfill: StatusReport.Backfill) -> HTML {
    let path = "backfills/\(backfill.id)"
    let cancel = button("Cancel", "\(path)/cancel", asking: "End backfill \(backfill.id) for good?")
    switch backfill.state {
    case "requested", "running": return button("Pause", "\(path)/pause") + cancel
    case "paused", "failed": return button("Resume", "\(path)/resume") + cancel
    default: return ""
    }
  }

  /// A column for those who may act.
  private func actions(_ buttons: HTML) -> [Cell] {
    canAct ? [Cell("Act", "<span class=\"acts\">\(buttons)</span>")] : []
  }

  private func time(_ moment: Timestamp) -> HTML {
    "<time datetime=\"\(moment.text)\">\(ShownText.age(moment, at: report.generatedAt))</time>"
  }

  /// One cell; its head becomes its label where the table is too narrow for columns.
  private struct Cell {
    let head: String
    let body: HTML
    let isNumber: Bool

    init(_ head: String, _ body: HTML, isNumber: Bool = false) {
      self.head = head
      self.body = body
      self.isNumber = isNumber
    }

    var style: HTML { isNumber ? " class=\"number\"" : "" }
  }

  /// Nothing at all without rows.
  private func table(_ title: String, _ rows: [[Cell]]) -> HTML {
    guard let first = rows.first else { return "" }
    let heads = HTML(joining: first.map { "<th scope=\"col\"\($0.style)>\($0.head)</th>" })
    let body = HTML(
      joining: rows.map { row in
        let cells = HTML(joining: row.map { "<td\($0.style) data-head=\"\($0.head)\"><span>\($0.body)</span></td>" })
        return "<tr>\(cells)</tr>\n"
      })
    return """
      <section><h2>\(title)</h2><table><thead><tr>\(heads)</tr></thead><tbody>
      \(body)</tbody></table></section>

      """
  }
}

extension StatusReport.Backfill {
  /// The look of its state.
  fileprivate var pill: String {
    switch state {
    case "running", "done": "running"
    case "failed": "stalled"
    default: "paused"
    }
  }
}
