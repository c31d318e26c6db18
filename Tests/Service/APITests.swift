import Changes
import Foundation
import HTTPTypes
import Hummingbird
import JSON
import Log
import Support
import Testing

@testable import Server

/// `/api/v1/…`: who may do what, and what it answers.
@Suite struct APITests {
  typealias Site = StatusServerTests.Site

  static let bearer: HTTPFields = [.authorization: "Bearer s3cret"]
  static let basic = "Basic " + Data("me:s3cret".utf8).base64EncodedString()

  /// A log with so many dead letters, each refused with one of two reasons.
  private static func log(_ folder: ScratchFolder, letters: Int) async throws -> ChangeLog {
    let log = try await ChangeLog(path: folder.file("log.db"), access: .writer)
    for number in 1...letters {
      let (link, key, sequence) = (LinkName("customers"), RecordKey(.integer(number)), LogSequence(Int64(number)))
      let change = Change(
        .update, of: EndpointName(system: "shop", name: "customers"), key: key, row: Array(#"{"city":"Faro"}"#.utf8),
        stamp: Stamp(Int64(number)), committedAt: .now)
      var settlement = Settlement(
        link: link, direction: .push, key: key, sequence: sequence, ending: .dead, watermark: sequence)
      settlement.deadLetter = DeadLetter(
        link: link, direction: .push, logged: LoggedChange(sequence: sequence, change: change), sequence: sequence,
        key: key.encoded,
        failure: Failure(code: number.isMultiple(of: 2) ? "http.422" : "http.409", message: "refused"),
        diedAt: .now)
      try await log.settle(settlement, term: log.term)
    }
    return log
  }

  @Test func aListingIsReadPageByPageByItsLinks() async throws {
    let folder = ScratchFolder()
    let site = Site(log: try await Self.log(folder, letters: 11))
    var path: String? = "/api/v1/dead-letters?limit=4&link=customers"
    var seen: [Int64] = []
    while let next = path {
      let page = try await site(next)
      #expect(page.status == 200)
      seen += try JSONValue(parsing: page.text).arrayValue?.compactMap { $0.at("id")?.integerValue } ?? []
      path = page.headers[API.link].map { String($0.dropFirst().prefix { $0 != ">" }) }
      #expect(page.headers[API.link].map { $0.hasSuffix("rel=\"next\"") } ?? true)
    }
    #expect(seen == Array((1...11).reversed()))
    let some = try await site("/api/v1/dead-letters?code=http.422")
    #expect(try JSONValue(parsing: some.text).arrayValue?.count == 5)
    #expect(some.headers[API.link] == nil)
    let counts = try JSONValue(parsing: try await site("/api/v1/dead-letters/counts").text)
    #expect(counts.at("0.code") == "http.409" && counts.at("0.count") == 6)
    for wrong in ["limit=0", "limit=501", "limit=x", "before=y"] {
      let refused = try await site("/api/v1/dead-letters?\(wrong)")
      #expect(refused.status == 400 && refused.headers[.contentType] == "application/problem+json", "\(wrong)")
    }
  }

  /// Two conflicts: one of a field, one of the whole record.
  private static func conflicts(_ log: ChangeLog) async throws {
    let (link, key) = (LinkName("customers"), RecordKey(.integer(5)))
    var settlement = Settlement(
      link: link, direction: .push, key: key, sequence: LogSequence(9), ending: .merged, watermark: LogSequence(9))
    settlement.conflicts = ["city", nil].map { field in
      ConflictRecord(
        link: link, direction: .push, sequence: LogSequence(9), localKey: key.encoded,
        remoteKey: RecordKey(.string("c_5")).encoded, kind: "update/update", field: field, base: "Nazaré",
        local: "Faro",
        remote: "Porto", policy: "manual", decision: nil, metAt: StatusServerTests.now)
    }
    try await log.settle(settlement, term: log.term)
  }

  @Test func aConflictIsShownSideBySideToWhoHasTheTokenAndDecided() async throws {
    let folder = ScratchFolder()
    let log = try await ChangeLog(path: folder.file("log.db"), access: .writer)
    try await Self.conflicts(log)
    let listed = try await Site(log: log)("/api/v1/conflicts?open=true&limit=1")
    #expect(listed.headers[API.link] == "</api/v1/conflicts?open=true&limit=1&before=2>; rel=\"next\"")
    #expect(!listed.text.contains("Faro") && listed.text.contains("\"state\":\"open\""))
    #expect(
      try await !Site(log: log)("/api/v1/conflicts/1").text.contains("Faro"), "without a token nobody sees values")

    let site = Site(token: "s3cret", log: log)
    let shown = try JSONValue(parsing: try await site("/api/v1/conflicts/1", Self.bearer).text)
    #expect(shown.at("base") == "Nazaré" && shown.at("database") == "Faro" && shown.at("application") == "Porto")
    #expect(try await site("/api/v1/conflicts/9", Self.bearer).status == 404)
    let path = "/api/v1/conflicts/1/resolve"
    for wrong in ["{}", #"{"use":"nobody"}"#, #"{"use":"database","value":1}"#] {
      #expect(try await site(path, method: .post, json: wrong, Self.bearer).status == 400, "\(wrong)")
    }
    for body in [#"{"use":"application"}"#, #"{"value":"Aveiro"}"#] {
      #expect(try await site(path, method: .post, json: body, Self.bearer).status == 202)
    }
    #expect(try await site("/api/v1/conflicts/1/undo", method: .post, Self.bearer).status == 202)
    #expect(
      try await log.openRequests().map(\.work) == [
        .decide(conflict: 1, .side(.remote)), .decide(conflict: 1, .value("Aveiro")), .undo(conflict: 1),
      ])
  }

  @Test func aProblemSaysWhichErrorItIs() async throws {
    let missing = try await Site()("/api/v1/dead-letters/77")
    #expect(missing.status == 404)
    let problem = try JSONValue(parsing: missing.text)
    #expect(problem.at("type") == "urn:tidemark:error:letter.unknown" && problem.at("code") == "letter.unknown")
    #expect(problem.at("status") == 404 && problem.at("title") == "Not Found")
    #expect(try await Site()("/api/v1/links/nobody").status == 404)
    #expect(try await Site()("/api/v1/dead-letters/seven").status == 400)
    #expect(try await Site()("/api/v1/nothing").status == 404)
    let wrongMethod = try await Site(token: "s3cret")("/api/v1/status", method: .delete, Self.bearer)
    #expect(wrongMethod.status == 405 && wrongMethod.headers[.allow] == "GET")
    #expect(try JSONValue(parsing: try await Site()("/api/v1/links/customers").text).at("health.state") == "live")
  }

  @Test func aKeyOfARecordIsDecodedAndNothingElse() async throws {
    let story = try await Site()("/api/v1/links/customers/records/a%2Fb%20%C3%A9")
    #expect(try JSONValue(parsing: story.text).at("lines.0") == "a/b é")
    #expect(try await Site()("/api/v1/links/orders/records/1").status == 404)
    #expect(try await Site()("/api/v1/links/customers/records/%FF").status == 404)
    #expect(try await Site()("/api/v1/links/customers/records/../../status").status == 404)
  }

  @Test func nobodyActsWithoutTheToken() async throws {
    let folder = ScratchFolder()
    let log = try await Self.log(folder, letters: 3)
    let path = "/api/v1/dead-letters/1"
    let open = try await Site(log: log)(path, method: .delete)
    #expect(open.status == 403 && open.text.contains("http.token"))
    let site = Site(token: "s3cret", log: log)
    let refused: [(HTTPFields, Int)] = [
      ([:], 401), ([.authorization: "Bearer wrong"], 401), ([.authorization: Self.basic], 403),
      ([.authorization: Self.basic, .origin: "http://evil.example", RequestGuard.pageHeader: "page"], 403),
      ([.authorization: Self.basic, .origin: "http://localhost:8642"], 403),
      ([.authorization: Self.basic, .origin: "null", RequestGuard.pageHeader: "page"], 403),
      ([.authorization: "Bearer s3cret", .origin: "http://evil.example"], 403),
    ]
    for (headers, status) in refused {
      #expect(try await site(path, method: .delete, headers).status == status, "\(headers)")
      #expect(try await site("/api/v1/links/customers/pause", method: .post, headers).status == status, "\(headers)")
    }
    // A name that was made to point here carries its own origin.
    let rebound: HTTPFields = [
      .authorization: Self.basic, .origin: "http://evil.example:8642", RequestGuard.pageHeader: "page",
    ]
    #expect(try await site(path, method: .delete, host: "evil.example:8642", rebound).status == 403)
    #expect(try await log.deadLetters(limit: 10).count == 3)
    #expect(try await log.openRequests().isEmpty)

    let page: HTTPFields = [
      .authorization: Self.basic, .origin: "http://localhost:8642", RequestGuard.pageHeader: "page",
    ]
    #expect(try await site(path, method: .delete, page).status == 204)
    #expect(try await site("/api/v1/dead-letters/2", method: .delete, Self.bearer).status == 204)
    #expect(try await log.deadLetters(limit: 10).map(\.id) == [3])
  }

  @Test func whatTakesAWhileIsARequestWithAnAddress() async throws {
    let folder = ScratchFolder()
    let log = try await Self.log(folder, letters: 1)
    let site = Site(token: "s3cret", log: log)
    let asked = try await site("/api/v1/dead-letters/1/retry", method: .post, Self.bearer)
    #expect(asked.status == 202)
    let place = try #require(asked.headers[.location])
    let request = try JSONValue(parsing: try await site(place, Self.bearer).text)
    #expect(request.at("kind") == "retry" && request.at("state") == "requested")
    #expect(try await log.openRequests().map(\.work) == [.retry([1])])
    #expect(try await site("/api/v1/links/customers/pause", method: .post, Self.bearer).status == 202)
    #expect(try await site("/api/v1/links/nobody/pause", method: .post, Self.bearer).status == 404)
    #expect(try await site("/api/v1/backfills/9/pause", method: .post, Self.bearer).status == 404)
    #expect(
      try await site("/api/v1/links/customers/pause", method: .post, body: 10, Self.bearer).status == 400,
      "a body that is no JSON")
    #expect(try await site("/api/v1/links/customers/pause", method: .post, body: 70_000, Self.bearer).status == 400)
  }

  @Test func theDocumentTellsOfEveryAddressAndOfNoOther() async throws {
    let folder = ScratchFolder()
    let log = try await Self.log(folder, letters: 1)
    try await Self.conflicts(log)
    let site = Site(token: "s3cret", log: log)
    let document = try JSONValue(parsing: try await site("/api/v1/openapi.json", Self.bearer).text)
    #expect(document.at("openapi") == "3.1.0")
    let paths = try #require(document.at("paths")?.objectValue)
    #expect(paths.members.count > 12)
    var operations: Set<String> = []
    for (path, operation) in paths.members {
      for (method, description) in operation.objectValue?.members ?? [] {
        let isNew = operations.insert(description.at("operationId")?.stringValue ?? "").inserted
        #expect(isNew, "\(method) \(path)")
        let real = path.replacing("{link}", with: "customers").replacing("{id}", with: "1").replacing(
          "{key}", with: "1")
        guard method == "get", !path.contains("requests") else { continue }
        #expect(try await site(real, Self.bearer).status == 200, "\(path)")
      }
    }
  }

  @Test func aLinkSaysHowItIsToSomebodyOnCall() {
    var report = StatusServerTests.report()
    #expect(report.health(of: report.links[0]).state == .live)
    #expect(report.health(of: report.links[1]).state == .blocked)
    report.links[0].push?.replayLagSeconds = 75
    report.links[0].push?.trend = .init(every: 2, lagSeconds: [60, 75], deliveredPerSecond: 4)
    #expect(report.health(of: report.links[0]) == .init(.catchingUp, etaSeconds: 3))
    report.links[0].push?.trend?.deliveredPerSecond = 0
    #expect(report.health(of: report.links[0]) == .init(.catchingUp))
    report.sources[0].stalled = .init(stage: "capture", reason: "not_attached", advice: "", detail: "the slot is gone")
    #expect(report.health(of: report.links[0]) == .init(.needsRepair, detail: "the slot is gone"))
    report.links[0].paused = .init(at: StatusServerTests.now, reason: "cleaning")
    #expect(report.health(of: report.links[0]) == .init(.paused, detail: "cleaning"))
    report.service.isRunning = false
    #expect(report.health(of: report.links[1]).state == .stopped)
  }
}
