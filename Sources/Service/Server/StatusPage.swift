import Changes

/// The status page: one document that needs nothing else, for a wide screen, a phone, by day and by night.
struct StatusPage {
  let report: StatusReport
  /// Random for each answer; lets this page's own style and script run and no other (CSP level 3).
  let nonce: String
  /// Whether somebody who sees the page may act: pause, retry, drop.
  let canAct: Bool

  var html: HTML {
    """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta name="referrer" content="no-referrer">
    <title>\(title)</title>
    <link rel="icon" href="data:,">
    <noscript><meta http-equiv="refresh" content="10"></noscript>
    <style nonce="\(nonce)">\(StatusPageStyle.css)</style>
    </head>
    <body>
    <main>\(main)</main>
    \(story)
    \(decide)
    <p id="told" role="status" hidden></p>
    <p id="lost" role="status" hidden>No answer from Tidemark; what you see is old.</p>
    <script nonce="\(nonce)">\(StatusPageStyle.script)</script>
    </body>
    </html>

    """
  }

  /// What is sent again and again while somebody looks.
  var main: HTML {
    """
    \(header)\(tiles)\(attention)\(links)\(backfills)\(deadLetters)\(conflicts)\(sources(.database, "Databases"))\
    \(sources(.connector, "Connectors"))\(footer)
    """
  }

  private var title: String { "Tidemark: \(report.state.rawValue)" }

  private var header: HTML {
    let uptime = report.service.uptime.map { ", up \(ShownText.seconds($0 / .seconds(1)))" } ?? ""
    return """
      <header>
      <svg viewBox="0 0 32 32" width="36" height="36" aria-hidden="true"><rect width="32" height="32" rx="8"/>\
      <path d="M5 13q3.7-5 7.3 0t7.4 0 7.3 0M5 20q3.7-5 7.3 0t7.4 0 7.3 0"/></svg>
      <div><h1>Tidemark</h1><p>\(report.service.version)\(uptime)</p></div>
      \(pill(report.state))
      </header>

      """
  }

  private var tiles: HTML {
    let ways = report.links.flatMap { [$0.push, $0.pull].compactMap { $0 } }
    let lag = (ways.map(\.replayLagSeconds) + report.sources.compactMap(\.captureLagSeconds)).max() ?? 0
    let open = report.links.reduce(0) { $0 + $1.conflictsOpen }
    let dead = report.links.reduce(0) { $0 + $1.deadLetters }
    return """
      <section class="tiles" aria-label="Summary">
      \(tile("Furthest behind", ShownText.seconds(lag), isBad: lag >= 60))
      \(tile("Pending changes", ShownText.count(ways.reduce(0) { $0 + $1.pendingChanges }), isBad: false))
      \(tile("Open conflicts", ShownText.count(open), isBad: open > 0))
      \(tile("Dead letters", ShownText.count(dead), isBad: dead > 0))
      </section>

      """
  }

  private func tile(_ name: String, _ value: String, isBad: Bool) -> HTML {
    "<div class=\"tile\(isBad ? " bad" : "")\"><span>\(name)</span><b>\(value)</b></div>"
  }

  private func pill(_ state: StatusReport.State) -> HTML {
    "<span class=\"pill \(state.rawValue)\">\(state.rawValue)</span>"
  }

  private var attention: HTML {
    let items = report.standstills.map { name, standstill -> HTML in
      let since =
        standstill.since.map {
          " · for \(ShownText.seconds(report.generatedAt.seconds(since: $0)))".replacing(" s", with: "\u{A0}s")
        } ?? ""
      return """
        <li><h3>\(name) <small>\(standstill.stage) · \(standstill.reason.replacing("_", with: " "))\(since)</small></h3>
        <p>\(standstill.detail ?? "")</p><p class="advice">\(standstill.advice)</p></li>

        """
    }
    return items.isEmpty
      ? "" : "<section class=\"attention\"><h2>Needs attention</h2><ul>\(HTML(joining: items))</ul></section>\n"
  }

  private var links: HTML {
    let cards = report.links.map { link -> HTML in
      let arrow = ["push": "→", "pull": "←"][link.direction] ?? "⇄"
      let health = report.health(of: link)
      let eta = health.etaSeconds.map { "about \(ShownText.seconds($0)) left" }
      let note = [eta, health.detail].compactMap { $0 }.joined(separator: ", ")
      let shownNote: HTML = note.isEmpty ? "" : "<p class=\"note\">\(note)</p>"
      return """
        <article class="card"><div class="top"><h3>\(link.name)</h3><span class="pill \(health.state.rawValue)">\
        \(health.state.words)</span>\(pause(link))</div>\(shownNote)
        <p class="ends"><code>\(link.local)</code> <i title="\(link.direction)">\(arrow)</i> <code>\(link.remote)</code></p>
        \(way("Push", link.push))\(way("Pull", link.pull))
        <p class="foot"><span class="\(link.conflictsOpen > 0 ? "bad" : "")">\
        \(ShownText.count(link.conflictsOpen)) open</span> of \(ShownText.count(link.conflictsTotal)) conflicts · \
        <span class="\(link.deadLetters > 0 ? "bad" : "")">\(ShownText.count(link.deadLetters)) \
        \(link.deadLetters == 1 ? "dead letter" : "dead letters")</span>\(verified(link))</p>
        </article>

        """
    }
    let body: HTML = cards.isEmpty ? "<p class=\"none\">No links yet.</p>" : HTML(joining: cards)
    return "<section><h2>Links</h2><div class=\"cards\">\(body)</div></section>\n"
  }

  /// How the last comparison of its sides ended.
  private func verified(_ link: StatusReport.Link) -> HTML {
    guard let verified = link.verified else { return "" }
    let moving: HTML = verified.inFlight == 0 ? "" : ", \(ShownText.count(verified.inFlight)) in flight"
    return """
       · <span class="\(verified.differences > 0 ? "bad" : "")">\(verified.outcome)</span>\(moving) of \
      \(ShownText.count(verified.compared)) compared \
      <time datetime="\(verified.at.text)">\(ShownText.age(verified.at, at: report.generatedAt))</time>
      """
  }

  private func way(_ name: String, _ way: StatusReport.Way?) -> HTML {
    guard let way else { return "" }
    return """
      <dl class="\(way.stalled == nil ? "" : "stuck")"><dt>\(name)</dt>
      <dd><b>\(ShownText.seconds(way.replayLagSeconds))</b> lag</dd>
      <dd><b>\(ShownText.count(way.pendingChanges))</b> pending</dd>
      <dd><b>\(ShownText.count(way.waiting))</b> waiting</dd>
      <dd><b>\(ShownText.count(way.deliveredTotal))</b> delivered\(rate(way.trend))</dd></dl>
      \(sparkline(way.trend))

      """
  }

  private func rate(_ trend: StatusReport.Trend?) -> HTML {
    guard let rate = trend?.deliveredPerSecond, rate >= 0.05 else { return "" }
    return " <small>\(ShownText.rate(rate))</small>"
  }

  private func pause(_ link: StatusReport.Link) -> HTML {
    guard canAct else { return "" }
    let word = link.paused == nil ? "pause" : "resume"
    return button(word.capitalizedFirst, "links/\(link.name)/\(word)")
  }

  /// - Parameter path: below `/api/v1/`; made of names and numbers of ours, which need no encoding.
  func button(_ text: String, _ path: String, method: String = "POST", asking question: String? = nil) -> HTML {
    guard canAct else { return "" }
    let asked: HTML = question.map { " data-ask=\"\($0)\"" } ?? ""
    return "<button type=\"button\" data-method=\"\(method)\" data-path=\"/api/v1/\(path)\"\(asked)>\(text)</button>"
  }

  /// The lag of the last minutes as a line; nothing where it was never late.
  private func sparkline(_ trend: StatusReport.Trend?) -> HTML {
    guard let trend, trend.lagSeconds.count > 1, let most = trend.lagSeconds.max(), most > 0 else { return "" }
    let step = 100 / Double(trend.lagSeconds.count - 1)
    let points = trend.lagSeconds.enumerated().map { place, lag in
      "\((Double(place) * step * 10).rounded() / 10),\(((1 - lag / most) * 190).rounded() / 10 + 0.5)"
    }
    let span = ShownText.seconds(Double(trend.lagSeconds.count - 1) * trend.every)
    return """
      <figure><svg class="spark" viewBox="0 0 100 20" preserveAspectRatio="none" role="img" aria-label="Lag">\
      <polyline points="\(points.joined(separator: " "))"/></svg>\
      <figcaption>lag of the last \(span), at most \(ShownText.seconds(most))</figcaption></figure>

      """
  }

  /// What both sides hold, side by side, and what may be decided; filled where somebody looks at a conflict.
  private var decide: HTML {
    guard canAct else { return "" }
    return """
      <dialog id="conflict"><h2></h2><table><thead><tr><th scope="col">Before</th><th scope="col">Database</th>\
      <th scope="col">Application</th></tr></thead><tbody><tr><td data-of="base" data-head="Before"></td><td data-of="database" data-head="Database"></td>\
      <td data-of="application" data-head="Application"></td></tr></tbody></table>
      <p class="acts"><button type="button" data-use="database">Keep the database's</button>
      <button type="button" data-use="application">Keep the application's</button></p>
      <p class="acts"><input name="value" aria-label="Another value" placeholder="another value">
      <button type="button" data-use="value">Use this</button></p>
      <p class="acts"><button type="button" data-use="undo">Take the decision back</button>
      <button type="button" data-use="close">Close</button></p></dialog>
      """
  }

  /// Asks for one record; outside of what is sent again, so that nobody's typing is lost.
  private var story: HTML {
    guard !report.links.isEmpty else { return "" }
    let options = HTML(joining: report.links.map { "<option>\($0.name)</option>" })
    return """
      <section class="story"><h2>Why is a record where it is?</h2>
      <form id="ask"><label>Link <select name="link">\(options)</select></label>
      <label>Key <input name="key" required autocomplete="off" placeholder="42, or the application's id"></label>
      <button>Explain</button></form><ul id="story"></ul></section>
      """
  }
}

extension String {
  fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
