import Changes
import Connectors
import HTTP
import JSON
import Support
import Testing
import YAML

@Suite("Webhooks out")
struct WebhooksOutTests {
  private static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
  private static let former = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

  private static func receiver(
    _ server: ScriptedServer, _ rules: String = "{}", auth: [String: String] = ["secret": secret]
  ) throws -> any RemoteObject {
    let settings = try YAMLDocument(text: "objects: { orders: \(rules) }", file: "tidemark.yaml").root
    return try Connector(
      name: "bus", manifest: try Manifest.named("webhooks"), url: server.url + "/hooks", auth: auth, settings: settings,
      client: HTTPClient()
    ).object("orders", pull: .every(.zero))
  }

  private static func create(_ number: Int) -> Write {
    Write(
      .create, key: nil, fields: ["number": .integer(number), "total": .decimal("5.50")], expected: nil,
      idempotencyKey: "token-\(number)")
  }

  private static let update = Write(
    .update, key: RecordKey("7"), fields: ["total": 6],
    expected: .init(version: nil, fields: ["number": 7, "total": .decimal("5.50"), "note": nil]),
    idempotencyKey: "token-u")

  private static func verdict(_ request: ScriptedServer.Request, _ secret: String) throws -> WebhookVerdict {
    let sent = try #require(request.header("webhook-timestamp").flatMap { Int64($0) })
    #expect(abs(Timestamp.now.microseconds / 1_000_000 - sent) < 60)
    return verifyStandardWebhook(headers: request.headers, body: request.body, secret: secret, now: sent)
  }

  @Test("each change is one signed request with the whole record")
  func single() async throws {
    let server = try ScriptedServer { _ in .answer(204) }
    let object = try Self.receiver(server, "{ path: /orders, id: number }")
    let outcomes = await object.apply([Self.create(7)])
    #expect(outcomes.first?.applied?.key == RecordKey("7"))
    let updated = await object.apply([Self.update])
    #expect(updated.first?.applied?.after == ["number": 7, "total": 6, "note": nil])
    let deleted = await object.apply([
      Write(
        .delete, key: RecordKey("7"), fields: [:], expected: .init(version: nil, fields: ["number": 7]),
        idempotencyKey: "token-d")
    ])
    #expect(deleted.map(\.name) == ["applied"])
    let requests = server.requests
    #expect(requests.allSatisfy { $0.method == "POST" && $0.target == "/hooks/orders" })
    #expect(
      try requests.map { try JSONValue(parsing: $0.body) } == [
        ["id": "token-7", "type": "orders.created", "key": "7", "data": ["number": 7, "total": .decimal("5.50")]],
        [
          "id": "token-u", "type": "orders.updated", "key": "7", "data": ["number": 7, "total": 6, "note": nil],
          "changed": ["total"],
        ],
        ["id": "token-d", "type": "orders.deleted", "key": "7", "data": ["number": 7]],
      ])
    for (request, id) in zip(requests, ["token-7", "token-u", "token-d"]) {
      #expect(try Self.verdict(request, Self.secret) == .accepted(id: id))
      #expect(try Self.verdict(request, Self.former) != .accepted(id: id))
    }
  }

  @Test("while a secret is changed, requests carry a signature by each")
  func rotation() async throws {
    let server = try ScriptedServer { _ in .answer(200) }
    let object = try Self.receiver(server, auth: ["secret": Self.secret, "former_secret": Self.former])
    _ = await object.apply([Self.create(1)])
    let request = try #require(server.requests.first)
    for secret in [Self.secret, Self.former] { #expect(try Self.verdict(request, secret) == .accepted(id: "token-1")) }
  }

  @Test("changes that come together go together, as a list, as lines, or as a batch of CloudEvents")
  func batches() async throws {
    for (rules, type) in [
      ("{ batch: 10 }", "application/json"), ("{ format: ndjson }", "application/x-ndjson"),
      (
        "{ format: cloudevents, batch: 10, source: /shop, type: com.example.order }",
        "application/cloudevents-batch+json"
      ),
    ] {
      let server = try ScriptedServer { _ in .answer(200) }
      let object = try Self.receiver(server, rules)
      let outcomes = await object.apply((1...12).map(Self.create))
      #expect(outcomes.map(\.name) == Array(repeating: "applied", count: 12))
      #expect(Set(outcomes.compactMap { $0.applied?.key }).count == 12)
      let requests = server.requests
      #expect(requests.count == (type == "application/x-ndjson" ? 1 : 2))
      let events = try requests.flatMap { request in
        #expect(request.header("Content-Type") == type)
        return type == "application/x-ndjson"
          ? try request.text.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
          : try JSONValue(parsing: request.body).arrayValue ?? []
      }
      #expect(events.compactMap { $0.at("id")?.stringValue } == (1...12).map { "token-\($0)" })
      if type.contains("cloudevents") {
        #expect(
          events[0] == [
            "specversion": "1.0", "id": "token-1", "source": "/shop", "type": "com.example.order.created",
            "subject": "token-1",
            "datacontenttype": "application/json", "data": ["number": 1, "total": .decimal("5.50")],
          ])
      }
      #expect(Set(requests.compactMap { $0.header("webhook-id") }).count == requests.count)
    }
  }

  @Test("a repetition has the same id and the same bytes")
  func repetition() async throws {
    let turns = Turns(.answer(503, headers: [("Retry-After", "0")]), .reset, .answer(200))
    let server = try ScriptedServer { _ in turns.next }
    let object = try Self.receiver(server, "{ format: cloudevents, batch: 5 }")
    let writes = [Self.create(1), Self.create(2)]
    #expect(await object.apply(writes).map(\.name) == ["unavailable", "unavailable"])
    #expect(await object.apply(writes).map(\.name) == ["retry", "retry"])
    #expect(await object.apply(writes).map(\.name) == ["applied", "applied"])
    let requests = server.requests
    #expect(requests.count == 3 && Set(requests.map(\.body)).count == 1)
    #expect(Set(requests.map { $0.header("webhook-id") }).count == 1)
  }

  @Test(
    "what a receiver answers says who has to wait",
    arguments: [
      (200, "applied"), (202, "applied"), (302, "unavailable"), (400, "rejected"), (401, "unavailable"),
      (404, "unavailable"),
      (410, "unavailable"), (413, "rejected"), (422, "rejected"), (429, "unavailable"), (500, "retry"),
      (502, "unavailable"),
      (504, "unavailable"),
    ])
  func answers(_ status: Int, _ word: String) async throws {
    let server = try ScriptedServer { _ in .answer(status, headers: [("Location", "/other")]) }
    #expect(try await Self.receiver(server).apply([Self.create(1)]).map(\.name) == [word])
    #expect(server.requests.count == 1)
  }

  @Test("where one change of a batch is refused, the others are not")
  func refusedInBatch() async throws {
    let server = try ScriptedServer { $0.text.contains("token-2") ? .answer(422) : .answer(200) }
    let object = try Self.receiver(server, "{ batch: 10 }")
    #expect(await object.apply((1...3).map(Self.create)).map(\.name) == ["applied", "rejected", "applied"])
  }

  @Test("changes side by side are batched while a request is under way, and each gets its own answer")
  func sideBySide() async throws {
    let server = try ScriptedServer { _ in .answer(200) }
    let object = try Self.receiver(server, "{ batch: 50 }")
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<200 {
        group.addTask {
          let outcome = await object.apply([Self.create(number)])
          #expect(outcome.first?.applied?.after?["number"] == .integer(number))
        }
      }
    }
    let told = try server.requests.flatMap { try JSONValue(parsing: $0.body).arrayValue ?? [] }
    #expect(told.count == 200 && Set(told.compactMap { $0.at("id")?.stringValue }).count == 200)
    #expect(server.requests.count < 200)
  }

  @Test("a receiver has to be given a secret of the form that is agreed")
  func secrets() throws {
    let server = try ScriptedServer { _ in .answer(200) }
    for auth in [[:], ["secret": "whsec_short"], ["secret": "abc"], ["secret": Self.secret, "token": "x"]] {
      #expect { try Self.receiver(server, auth: auth) } throws: { error in
        guard let failure = error as? Failure else { return false }
        return failure.code == "connector.auth" && !auth.values.contains { failure.message.contains($0) }
      }
    }
  }
}
