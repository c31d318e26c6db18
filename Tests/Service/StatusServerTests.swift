import Changes
import Foundation
import Hummingbird
import JSON
import Log
import Logging
import Support
import Telemetry
import Testing

@testable import Server

@Suite struct StatusServerTests {
  static let now = Timestamp(microseconds: 1_790_000_000_000_000)

  static func ago(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: now.microseconds - seconds * 1_000_000) }

  /// A small shop on an ordinary bad day.
  static func report() -> StatusReport {
    var report = StatusReport(
      state: .stalled, generatedAt: now,
      service: .init(isRunning: true, processID: 4_711, version: "0.1.0", uptime: .seconds(266_400)),
      log: .init(path: ".tidemark/log.db", bytes: 48_300_000, first: LogSequence(180_001), last: LogSequence(1_284_377))
    )
    var shop = StatusReport.Source(name: "shop", kind: .database, state: .running)
    shop.captureLagSeconds = 0.04
    shop.watermark = "7312954417/0/1A2B3C8"
    shop.outboxChanges = 3
    shop.oldestTransactionSeconds = 2.4
    var crm = StatusReport.Source(name: "crm.contacts", kind: .connector, state: .running)
    crm.captureLagSeconds = 12.5
    crm.watermark = "5f2c/184377"
    report.sources = [shop, crm]
    var customers = StatusReport.Link(
      name: "customers", local: "shop.customers", remote: "crm.contacts", direction: "both", state: .running)
    customers.push = .init(
      pendingChanges: 12, replayLagSeconds: 0.8, deliveredTotal: 1_204_377, watermark: LogSequence(1_284_365))
    customers.pull = .init(
      pendingChanges: 0, replayLagSeconds: 0, deliveredTotal: 80_112, watermark: LogSequence(1_284_377))
    let lags: [Double] = (0..<90).map { place in
      let rise = place * 37 % 90 < 20 ? place * 13 % 17 : place % 3
      return 4 + Double(rise) / 2
    }
    customers.push?.trend = .init(every: 2, lagSeconds: lags, deliveredPerSecond: 41.5)
    customers.conflictsOpen = 1
    customers.conflictsTotal = 87
    customers.verified = .init(at: ago(3_600), compared: 1_204_377, differences: 2, inFlight: 3)
    var orders = StatusReport.Link(
      name: "orders", local: "shop.orders", remote: "crm.orders", direction: "push", state: .stalled)
    orders.push = .init(
      pendingChanges: 5_310, replayLagSeconds: 1_840, deliveredTotal: 640_020, watermark: LogSequence(1_279_067),
      waiting: 14,
      stalled: .init(
        stage: "replay", reason: "unauthorized", advice: StallReason.unauthorized.advice,
        detail: "crm answered 401 to POST /api/orders", since: ago(1_800)))
    orders.deadLetters = 2
    var returns = StatusReport.Link(
      name: "returns", local: "shop.returns", remote: "crm.cases", direction: "push", state: .paused)
    returns.push = .init(
      pendingChanges: 9, replayLagSeconds: 4_100, deliveredTotal: 812, watermark: LogSequence(1_284_300))
    returns.paused = .init(at: ago(4_200), reason: "cases are being cleaned up")
    report.links = [customers, orders, returns]
    var backfill = StatusReport.Backfill(
      id: 7, link: "customers", from: "database", endpoint: "shop.customers", reason: "requested", state: "running",
      requestedAt: ago(90))
    backfill.rows = 1_240_000
    backfill.gaveWay = 3
    backfill.total = 2_000_000
    backfill.share = 0.62
    backfill.rowsPerSecond = 8_300
    backfill.secondsLeft = 92
    backfill.key = "1240000"
    backfill.startedAt = ago(88)
    report.backfills = [backfill]
    report.conflicts = [
      .init(id: 88, link: "customers", key: "42", fields: ["phone", "city"], resolution: "open", at: ago(340)),
      .init(id: 87, link: "customers", key: "7", fields: ["credit_limit"], resolution: "database", at: ago(9_000)),
    ]
    report.deadLetters = [
      .init(
        id: 5, link: "orders", direction: "push", key: "10093", reason: "crm refused the total: must be positive",
        at: ago(7_300))
    ]
    return report
  }

  struct Site {
    var token: String?
    var telemetry = Telemetry(version: "0.1.0")
    var report = StatusServerTests.report()
    var webhookAnswer = WebhookAnswer.accepted
    /// Nil: an empty one.
    var log: ChangeLog?

    func callAsFunction(
      _ path: String, method: HTTPRequest.Method = .get, host: String = "localhost:8642", body: Int = 0,
      json: String? = nil,
      _ headers: HTTPFields = [:]
    ) async throws -> (status: Int, headers: HTTPFields, text: String) {
      let folder = ScratchFolder()
      let usedLog: ChangeLog
      if let log { usedLog = log } else { usedLog = try await ChangeLog(path: folder.file("log.db"), access: .writer) }
      var api = API(
        log: usedLog, status: { report }, story: { link, key in link == "customers" ? ["lines": [.string(key)]] : nil })
      api.showsValues = token != nil
      let responder = StatusResponder(
        requestGuard: RequestGuard(token: token, hostNames: ["tide.example"]), telemetry: telemetry,
        logger: Logger(label: "test"), api: api, webhook: { _ in webhookAnswer })
      let head = HTTPRequest(method: method, scheme: "http", authority: host, path: path, headerFields: headers)
      let bytes = json.map { ByteBuffer(string: $0) } ?? ByteBuffer(repeating: UInt8(ascii: "x"), count: body)
      let response = await responder.respond(to: Request(head: head, body: .init(buffer: bytes)))
      let text = String(decoding: try await BodySink.collect(response.body), as: UTF8.self)
      return (response.status.code, response.headers, text)
    }
  }

  @Test func theReportReadsBackFromItsJSON() throws {
    let report = Self.report()
    #expect(try StatusReport(json: JSONValue(parsing: report.json.text)) == report)
    #expect(report.json.at("links.0.push.replay_lag_seconds")?.text == "0.8")
    #expect(report.json.at("generated_at") == "2026-09-21T14:13:20.000Z")
    let error = #expect(throws: StatusReportError.self) {
      try StatusReport(json: report.json.setting("many", at: "log.bytes"))
    }
    #expect(error?.member == "log.bytes")
  }

  @Test func theTerminalShowsEverythingInEightyColumns() {
    let lines = Self.report().text.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.allSatisfy { $0.count <= 80 || $0.hasPrefix("  ") }, "\(lines.joined(separator: "\n"))")
    #expect(lines.first == "tidemark 0.1.0: stalled, pid 4711, up 3 d")
    #expect(lines.contains { $0.hasPrefix("orders") && $0.contains("stalled") && $0.contains("30 min") })
    #expect(lines.contains("! replay orders push: crm answered 401 to POST /api/orders"))
    #expect(lines.contains { $0.hasPrefix("verified customers: ") && $0.contains("60 min ago, 2 differ, 3 in flight") })
  }

  @Test func everyPageAnswersWithItsTypeAndItsLocks() async throws {
    let page = try await Site()("/")
    #expect(page.status == 200)
    #expect(page.headers[.contentType] == "text/html; charset=utf-8")
    let policy = try #require(page.headers[.contentSecurityPolicy])
    #expect(policy.hasPrefix("default-src 'none'; style-src 'nonce-"))
    let again = try await Site()("/")
    #expect(again.headers[.contentSecurityPolicy] != policy)
    #expect(!page.text.contains(" style="))
    #expect(page.text.contains("<span class=\"bad\">2 differ</span>, 3 in flight of"))
    #expect(try await Site()("/metrics").text.contains("tidemark_build_info{version=\"0.1.0\"} 1"))
    #expect(try JSONValue(parsing: try await Site()("/api/v1/status").text).at("state") == "stalled")
    #expect(try await Site()("/healthz", host: "10.0.0.7").status == 200)
    #expect(try await Site()("/nowhere").status == 404)
    #expect(try await Site()("/", method: .post).status == 405)
    #expect(try await Site()("/", method: .head).status == 200)
  }

  @Test func whatComesFromOutsideCannotBecomeMarkupOrMoveACursor() async throws {
    var site = Site()
    let evil = "<script>alert('x')</script>\u{1B}[2J\u{202E}\"&"
    site.report.links[0].name = evil
    site.report.deadLetters[0].reason = evil
    site.report.sources[0].watermark = evil
    let page = try await site("/").text
    #expect(!page.contains("<script>alert"))
    #expect(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;␦[2J␦&quot;&amp;"))
    #expect(!site.report.text.contains("\u{1B}"))
    #expect(!page.unicodeScalars.contains("\u{202E}"))
  }

  @Test func readinessSaysWhatStandsStillAndWhy() async throws {
    var site = Site()
    site.report.state = .running
    #expect(try await site("/readyz").status == 200)
    site.telemetry.stall(.replay, "orders", .unauthorized, detail: "401")
    let stalled = try await site("/readyz")
    #expect(stalled.status == 503)
    #expect(try JSONValue(parsing: stalled.text).at("reasons.1.reason") == nil)
    #expect(try JSONValue(parsing: stalled.text).at("reasons.0.reason") == "unauthorized")
    site.telemetry.clear(.replay, "orders")
    site.report.state = .starting
    #expect(try await site("/readyz").status == 503)
  }

  @Test func withATokenOnlyItsBearerIsTold() async throws {
    let site = Site(token: "s3cret")
    #expect(try await site("/").status == 401)
    #expect(try await site("/metrics", [.authorization: "Bearer s3cre"]).status == 401)
    #expect(try await site("/metrics", [.authorization: "Bearer s3cret"]).status == 200)
    let basic = Data("me:s3cret".utf8).base64EncodedString()
    #expect(try await site("/", [.authorization: "Basic \(basic)"]).status == 200)
    #expect(try await site("/healthz").status == 200)
  }

  @Test(arguments: [
    ("localhost", 200), ("127.0.0.1:8642", 200), ("[::1]:8642", 200), ("Tide.Example", 200),
    ("evil.example", 421), ("localhost.evil.example:8642", 421), ("", 421),
  ])
  func aStrangeHostNameIsRefused(host: String, status: Int) async throws {
    #expect(try await Site()("/api/v1/status", host: host).status == status)
  }

  @Test func webhooksAreJudgedByTheirSignatureAlone() async throws {
    var site = Site(token: "s3cret")
    #expect(try await site("/webhooks/crm", method: .post, host: "public.example").status == 204)
    #expect(try await site("/webhooks/crm").status == 405)
    #expect(try await site("/webhooks/crm", method: .post, body: 1 << 20 + 1).status == 413)
    #expect(try await site("/webhooks/crm", method: .post, [.origin: "https://evil.example"]).status == 403)
    let answers: [(WebhookAnswer, Int)] = [
      (.queued, 202), (.refused, 401), (.unknownConnector, 404), (.unavailable, 503),
    ]
    for (answer, status) in answers {
      site.webhookAnswer = answer
      #expect(try await site("/webhooks/crm", method: .post).status == status)
    }
  }

  @Test func theWorldIsNotServedWithoutAToken() async {
    let folder = ScratchFolder()
    guard let log = try? await ChangeLog(path: folder.file("log.db"), access: .writer) else { return }
    let server = StatusServer(
      configuration: .init(host: "0.0.0.0", port: 0, logger: Logger(label: "test")),
      telemetry: Telemetry(version: "1"), api: API(log: log, status: { Self.report() }, story: { _, _ in nil }),
      webhook: { _ in .refused })
    let failure = await #expect(throws: Failure.self) { try await server.run() }
    #expect(failure?.code == "http.exposed")
  }

  @Test(arguments: [
    (0.0, "0 s"), (0.8, "0.8 s"), (75, "75 s"), (1_840, "30 min"), (9_000, "2.5 h"), (266_400, "3 d"),
  ])
  func durationsReadWell(seconds: Double, text: String) {
    #expect(ShownText.seconds(seconds) == text)
  }
}
