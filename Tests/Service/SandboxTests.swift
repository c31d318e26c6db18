import Foundation
import Hummingbird
import JSON
import Logging
import Testing

@testable import Sandbox

@Suite struct SandboxTests {
  /// The sandbox without a socket.
  struct Client {
    let responder = SandboxResponder(
      token: "t", objects: ["contacts", "orders"],
      webhooks: SandboxWebhooks(send: nil, logger: Logger(label: "test")))

    struct Answer {
      var status: Int
      var headers: HTTPFields
      var body: JSONValue
      var id: String { body.at("id")?.stringValue ?? "" }
    }

    /// - Returns: nil when the connection was closed.
    func callAsFunction(
      _ method: HTTPRequest.Method, _ path: String, _ body: JSONValue? = nil, _ headers: HTTPFields = [:],
      token: String = "t"
    ) async throws -> Answer? {
      var head = HTTPRequest(method: method, scheme: "http", authority: "localhost", path: path, headerFields: headers)
      head.headerFields[.authorization] = "Bearer \(token)"
      let request = Request(head: head, body: .init(buffer: ByteBuffer(bytes: body?.bytes ?? [])))
      guard let response = try await responder.respond(to: request) else { return nil }
      let bytes = try await BodySink.collect(response.body)
      return Answer(
        status: response.status.code, headers: response.headers,
        body: bytes.isEmpty ? .null : try JSONValue(parsing: bytes))
    }
  }

  @Test func aRecordIsMadeReadChangedAndDeleted() async throws {
    let api = Client()
    let made = try #require(try await api(.post, "/api/contacts", ["name": "Ada", "id": "mine"]))
    #expect(made.status == 201)
    #expect(made.id == "c_000001")
    #expect(made.headers[.eTag] == "\"1\"")
    #expect(made.headers[.location] == "/api/contacts/c_000001")
    let changed = try await api(.patch, "/api/contacts/c_000001", ["city": "London"], [.ifMatch: "\"1\""])
    #expect(changed?.body.at("name") == "Ada")
    #expect(changed?.body.at("city") == "London")
    #expect(changed?.body.at("version") == 2)
    let late = try await api(.patch, "/api/contacts/c_000001", ["city": "Bath"], [.ifMatch: "\"1\""])
    #expect(late?.status == 412)
    #expect(late?.body.at("current.city") == "London")
    #expect(try await api(.delete, "/api/contacts/c_000001", nil, [.ifMatch: "\"2\""])?.status == 204)
    #expect(try await api(.get, "/api/contacts/c_000001")?.status == 410)
    #expect(try await api(.get, "/api/contacts/c_000009")?.status == 404)
    #expect(try await api(.get, "/api/nothing")?.status == 404)
  }

  @Test func aRepeatedIdempotencyKeyGivesTheFirstAnswerAgain() async throws {
    let api = Client()
    let key = try #require(HTTPFields.Element.Name("Idempotency-Key"))
    let first = try await api(.post, "/api/contacts", ["name": "Ada"], [key: "k1"])
    let again = try await api(.post, "/api/contacts", ["name": "Ada"], [key: "k1"])
    #expect(again?.body == first?.body)
    #expect(again?.status == 201)
    #expect(try await api(.post, "/api/contacts", ["name": "Bob"], [key: "k1"])?.status == 422)
    let journal = try await api(.get, "/sandbox/journal")?.body.at("items")?.arrayValue
    #expect(journal?.count == 1)
    #expect(journal?.first?.at("idempotency_key") == "k1")
  }

  @Test func aListingPagedWhileRecordsChangeMissesNothing() async throws {
    let api = Client()
    for number in 1...7 { _ = try await api(.post, "/api/contacts", ["number": .integer(number)]) }
    var seen: [String: JSONValue] = [:]
    var next: String? = "/api/contacts?limit=3"
    var cursor = ""
    while let path = next {
      let page = try #require(try await api(.get, path))
      for item in page.body.at("items")?.arrayValue ?? [] { seen[item.at("id")?.stringValue ?? ""] = item }
      next = page.body.at("next")?.stringValue
      cursor = page.body.at("cursor")?.stringValue ?? ""
      if seen.count == 3 {
        _ = try await api(.patch, "/api/contacts/c_000001", ["number": 100])
        _ = try await api(.delete, "/api/contacts/c_000007")
      }
    }
    next = "/api/contacts?limit=1&updated_since=\(cursor)"
    while let path = next {
      let page = try #require(try await api(.get, path))
      for item in page.body.at("items")?.arrayValue ?? [] { seen[item.at("id")?.stringValue ?? ""] = item }
      next = page.body.at("next")?.stringValue
      cursor = page.body.at("cursor")?.stringValue ?? ""
    }
    #expect(seen.count == 7)
    #expect(seen["c_000001"]?.at("number") == 100)
    #expect(seen["c_000007"]?.at("deleted") == true)
    let idle = try await api(.get, "/api/contacts?updated_since=\(cursor)")
    #expect(idle?.body.at("items") == [])
    #expect(idle?.body.at("cursor") == .string(cursor))
  }

  @Test func changesComeInOrderWithTimesThatOnlyGrow() throws {
    var state = SandboxState(objects: ["contacts"], epoch: "e")
    for _ in 0..<3 { _ = state.answer(SandboxCall(method: .post, object: "contacts", now: 1_000)) }
    _ = state.answer(SandboxCall(method: .patch, object: "contacts", id: "c_000001", now: 500))
    let answer = state.answer(
      SandboxCall(method: .get, object: "contacts", query: [("updated_since", "e-1-c")], now: 0))
    let items = try #require(answer.body?.at("items")?.arrayValue)
    #expect(items.map { $0.at("id") } == ["c_000002", "c_000003", "c_000001"])
    #expect(items.last?.at("updated_at") == "1970-01-01T00:00:01.003Z")
  }

  @Test func aCursorOfAnotherLifeIsRefused() {
    var state = SandboxState(objects: ["contacts"], epoch: "new")
    let answer = state.answer(
      SandboxCall(method: .get, object: "contacts", query: [("updated_since", "old-1-c")], now: 0))
    #expect(answer.status == 410)
    let nonsense = state.answer(
      SandboxCall(method: .get, object: "contacts", query: [("updated_since", "yesterday")], now: 0))
    #expect(nonsense.status == 400)
  }

  @Test func otherParametersFindRecordsByValue() async throws {
    let api = Client()
    _ = try await api(.post, "/api/orders", ["number": "R 1+2", "total": .number(#require(JSONNumber(text: "1.5")))])
    _ = try await api(.post, "/api/orders", ["number": "R2", "total": 2])
    #expect(try await api(.get, "/api/orders?total=1.50")?.body.at("items")?.arrayValue?.count == 1)
    #expect(try await api(.get, "/api/orders?number=R+1%2B2")?.body.at("items.0.id") == "o_000001")
    #expect(try await api(.get, "/api/orders?absent=")?.body.at("items") == [])
  }

  @Test func faultsStrikeAsOftenAsAskedAndWhereAsked() async throws {
    let api = Client()
    _ = try await api(.post, "/api/contacts", ["name": "Ada"])
    let fault: JSONValue = [
      "next": 2, "method": "PATCH", "path": "/api/contacts", "fault": "status", "status": 503, "retry_after": 1,
    ]
    #expect(try await api(.post, "/sandbox/faults", fault)?.status == 204)
    #expect(try await api(.get, "/api/contacts/c_000001")?.status == 200)
    for _ in 0..<2 {
      let answer = try await api(.patch, "/api/contacts/c_000001", ["name": "Eve"])
      #expect(answer?.status == 503)
      #expect(answer?.headers[.retryAfter] == "1")
    }
    #expect(try await api(.patch, "/api/contacts/c_000001", ["name": "Eve"])?.status == 200)
    #expect(try await api(.post, "/sandbox/faults", ["fault": "fire"])?.status == 422)
  }

  @Test func aDroppedConnectionLeavesTheWriteUndoneOrDone() async throws {
    let api = Client()
    _ = try await api(.post, "/sandbox/faults", ["fault": "drop_before"])
    _ = try await api(.post, "/sandbox/faults", ["fault": "drop_after"])
    #expect(try await api(.post, "/api/contacts", ["name": "Ada"]) == nil)
    #expect(try await api(.get, "/sandbox/journal")?.body.at("items") == [])
    #expect(try await api(.post, "/api/contacts", ["name": "Ada"]) == nil)
    #expect(try await api(.get, "/sandbox/journal")?.body.at("items")?.arrayValue?.count == 1)
  }

  @Test func aSeededFaultStrikesTheSameRequestsEveryTime() throws {
    let fault = try SandboxFault([
      "fault": "drop_before", "probability": .number(#require(JSONNumber(text: "0.3"))), "seed": 7,
    ])
    func strikes() -> [Bool] {
      var faults = SandboxFaults()
      faults.add(fault)
      return (0..<1_000).map { _ in faults.strike(method: "GET", path: "/api/contacts") != nil }
    }
    let struck = strikes()
    #expect(struck == strikes())
    #expect((240...360).contains(struck.count { $0 }))
  }

  @Test func withoutTheTokenNothingIsTold() async throws {
    let answer = try await Client()(.get, "/api/contacts", token: "wrong")
    #expect(answer?.status == 401)
    #expect(answer?.headers[.contentType] == "application/problem+json")
    let large = JSONValue.string(String(repeating: "x", count: 1 << 20))
    #expect(try await Client()(.post, "/api/contacts", large)?.status == 413)
  }

  /// The example of the Standard Webhooks 1.0.0 specification's reference libraries.
  @Test func webhooksAreSignedAsStandardWebhooksSays() throws {
    let key = try #require(SandboxTests.base64("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    let body = Array(#"{"test": 2432232314}"#.utf8)
    let headers = SandboxWebhooks.headers(
      id: "msg_p5jXN8AQM9LWM0D4loKWxJek", seconds: 1_614_265_330, body: body, key: key)
    #expect(headers.last?.value == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
  }

  @Test func listenersHearOfEveryWriteAndMayLeave() async throws {
    let statuses = Mailbox([200, 500, 204, 410])
    let webhooks = SandboxWebhooks(
      send: { _, _, body in await statuses.take(body) }, logger: Logger(label: "test"))
    #expect(!webhooks.register(url: "http://localhost/", secret: "plain"))
    #expect(webhooks.register(url: "http://localhost/", secret: "whsec_AAAA"))
    for sequence in 1...3 {
      let delivery = SandboxWebhooks.Delivery(
        listener: .init(url: "http://localhost/", key: [0, 0, 0]), id: "msg_\(sequence)", body: [UInt8(sequence)])
      await webhooks.deliver(delivery)
    }
    #expect(await statuses.bodies == [[1], [2], [2], [3]])
    #expect(webhooks.urls.isEmpty)
  }
}

extension SandboxTests {
  static func base64(_ text: String) -> [UInt8]? { Data(base64Encoded: text).map(Array.init) }

  /// Answers with the given statuses in turn and keeps what it was sent.
  actor Mailbox {
    private var statuses: [Int]
    private(set) var bodies: [[UInt8]] = []

    init(_ statuses: [Int]) { self.statuses = statuses }

    func take(_ body: [UInt8]) -> Int {
      bodies.append(body)
      return statuses.isEmpty ? 200 : statuses.removeFirst()
    }
  }
}
