import Changes
import Foundation
import HTTP
import JSON
import Support
import Synchronization
import Testing

@testable import Connectors

/// What manifests can say about lists and writes, each against a server that behaves that way.
@Suite struct ManifestLanguageTests {
  private func connector(
    _ object: String, rest: String = "", settings: String? = nil,
    _ script: @escaping @Sendable (ScriptedServer.Request) -> ScriptedServer.Reply
  ) throws -> (ScriptedServer, any RemoteObject) {
    let server = try ScriptedServer(script)
    let text =
      "name: spoken\n\(rest)\nobjects:\n  items:\n"
      + object.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n")
    let connector = try Connector(
      name: "app", manifest: try Manifest(text: text, file: "spoken.yaml"), url: server.url, auth: [:],
      client: HTTPClient())
    return (server, try connector.object("items", pull: .every(.zero)))
  }

  private func update(_ object: any RemoteObject, _ fields: JSONObject, version: String? = nil) async -> Outcome? {
    await object.apply([
      Write(
        .update, key: RecordKey("7"), fields: fields, expected: version.map { .init(version: $0, fields: [:]) },
        idempotencyKey: "k")
    ]).first
  }

  private func create(_ object: any RemoteObject, _ fields: JSONObject) async -> Outcome? {
    await object.apply([Write(.create, key: nil, fields: fields, expected: nil, idempotencyKey: "k")]).first
  }

  // MARK: Reading

  @Test func `Pages go on from the last record until the answer says that there is no more`() async throws {
    let (server, items) = try connector(
      "list: { path: /items, items: data, paging: { last: { parameter: starting_after, item: id }, more: has_more } }"
    ) { request in
      request.target.contains("starting_after=b")
        ? .json(200, #"{"data":[{"id":"c"}],"has_more":false}"#)
        : .json(200, #"{"data":[{"id":"a"},{"id":"b"}],"has_more":true}"#)
    }
    #expect(try await items.listing().0.map(\.key) == ["a", "b", "c"].map { RecordKey($0) })
    #expect(server.requests.map(\.target) == ["/items", "/items?starting_after=b"])
  }

  @Test func `A server that repeats its last page for ever is stopped by the number of all records`() async throws {
    let (server, items) = try connector(
      "list: { path: /items, items: items, size: { parameter: n, default: 2 }, paging: { page: { parameter: p }, total: total_count } }"
    ) { request in
      request.target.contains("p=1")
        ? .json(200, #"{"items":[{"id":1},{"id":2}],"total_count":3}"#)
        : .json(200, #"{"items":[{"id":3}],"total_count":3}"#)
    }
    #expect(try await items.listing().0.count == 3)
    #expect(server.requests.count == 2)
  }

  @Test func `A listing is a search that is posted, from the last record's moment on where results are capped`()
    async throws
  {
    let (server, items) = try connector(
      """
      list:
        method: POST
        path: /search
        body: { filters: [ { property: changed, operator: GTE, value: "{last}" } ], limit: "{size}", after: "{cursor}" }
        items: results
        size: { default: 2 }
        order: ascending
        paging: { last: { item: changed }, short: true }
        cursor: { item: changed, initial: "0", format: iso8601, sent_as: unix_ms }
      """
    ) { request in
      let value = (try? JSONValue(parsing: request.body))?.at("filters.0.value")?.plainText
      return value == "0"
        ? .json(
          200, #"{"results":[{"id":1,"changed":"2026-01-01T00:00:00Z"},{"id":2,"changed":"2026-01-01T00:00:01Z"}]}"#)
        : .json(200, #"{"results":[{"id":2,"changed":"2026-01-01T00:00:01Z"}]}"#)
    }
    let (changes, position) = try await items.listing()
    #expect(changes.map(\.key) == ["1", "2"].map { RecordKey($0) })
    #expect((try? JSONValue(parsing: server.requests[1].body))?.at("filters.0.value") == "1767225601000")
    #expect((try? JSONValue(parsing: server.requests[1].body))?.at("limit") == 2)
    _ = try await items.listing(after: position)
    #expect((try? JSONValue(parsing: server.requests.last?.body ?? []))?.at("after") == "1767225601000")
  }

  @Test
  func `A delta link is followed the next time, tombstones and all, and everything is listed again when it is gone`()
    async throws
  {
    let isGone = Mutex(false)
    let (server, items) = try connector(
      """
      id: ID
      list:
        path: /items
        headers: { Prefer: "odata.track-changes,odata.maxpagesize={size}" }
        cursor: { link: "@odata.deltaLink" }
      deleted: { field: "@removed", exists: true, id: "@id" }
      """, rest: "dialect: odata"
    ) { request in
      let base = "http://\(request.header("Host") ?? "")"
      if request.target.contains("deltatoken=") {
        if isGone.withLock({ $0 }) { return .json(410, "{}") }
        return .json(
          200,
          #"{"value":[{"ID":"O'Neil"},{"@removed":{"reason":"deleted"},"@id":"items('b''c')"}],"@odata.deltaLink":"\#(base)/items?$deltatoken=2"}"#
        )
      }
      return request.target == "/items"
        ? .json(
          200, #"{"value":[{"ID":"a"}],"@odata.nextLink":"items?$skiptoken=1"}"#.replacing("items?", with: "/items?"))
        : .json(200, #"{"value":[{"ID":"b'c"}],"@odata.deltaLink":"\#(base)/items?$deltatoken=1"}"#)
    }
    let (all, first) = try await items.listing()
    #expect(all.map(\.key) == ["a", "b'c"].map { RecordKey($0) })
    let (changes, second) = try await items.listing(after: first)
    #expect(changes.map(\.operation) == [.update, .delete])
    #expect(changes.map(\.key) == ["O'Neil", "b'c"].map { RecordKey($0) })
    #expect(server.requests.last?.target == "/items?$deltatoken=1")
    #expect(server.requests.last?.header("Prefer") == "odata.track-changes,odata.maxpagesize=100")
    isGone.withLock { $0 = true }
    let gap = await #expect(throws: CaptureGap.self) { try await items.next(after: second) }
    let (again, _) = try await items.listing(after: gap?.resume)
    #expect(again.count == 2)
  }

  @Test func `A cursor goes in a header or in a filter, in the form the application reads, and never beyond its lag`()
    async throws
  {
    let changed = Mutex("/Date(1767225601000+0000)/")
    let (server, items) = try connector(
      """
      list:
        path: /items
        items: Items
        cursor:
          query: { "$filter": "Changed ge {cursor} and Changed lt {until}" }
          headers: { If-Modified-Since: "{cursor}" }
          item: Changed
          format: ms_date
          sent_as: local
          overlap: 1s
          lag: 1m
      modified_at: { path: Changed, format: ms_date }
      """
    ) { _ in .json(200, #"{"Items":[{"ID":1,"id":1,"Changed":"\#(changed.withLock { $0 })"}]}"#) }
    let (changes, first) = try await items.listing()
    #expect(changes.first?.committedAt == Timestamp(microseconds: 1_767_225_601_000_000))
    #expect(server.requests[0].header("If-Modified-Since") == nil)
    // Stamped now: what else was stamped so may not be seen yet.
    let now = Timestamp.now
    changed.withLock { $0 = "/Date(\(now.microseconds / 1000))/" }
    let (_, second) = try await items.listing(after: first)
    #expect(server.requests[1].header("If-Modified-Since") == "2026-01-01T00:00:00")
    #expect(server.requests[1].target.contains("ge%202026-01-01T00%3A00%3A00%20and%20Changed%20lt%20"))
    _ = try await items.listing(after: second)
    let sent = try #require(server.requests[2].header("If-Modified-Since"))
    let moment = try #require(TimeText.iso8601(sent))
    #expect(now.seconds(since: moment) >= 60 && now.seconds(since: moment) < 90)
  }

  @Test func `A record is looked up by a filter, or by a search that is posted`() async throws {
    let (filtered, a) = try connector(
      "list: { path: /items }\nfind: { with: { top: \"2\" } }", rest: "dialect: odata"
    ) { _ in .json(200, #"{"value":[{"id":1,"name":"O'Neil","n":5}]}"#) }
    #expect(try await a.find(["name": "O'Neil", "n": 5]).count == 1)
    #expect(
      filtered.requests.first?.target == "/items?top=2&%24filter=name%20eq%20%27O%27%27Neil%27%20and%20n%20eq%205")
    let (posted, b) = try connector(
      """
      list: { path: /items, items: results }
      find:
        path: /search
        body: { groups: [ { filters: [ { name: "{field}", operator: EQ, value: "{value}" } ] } ] }
      """
    ) { _ in .json(200, #"{"results":[{"id":1,"name":"x","n":"5"}]}"#) }
    #expect(try await b.find(["name": "x", "n": "5"]).count == 1)
    #expect(
      posted.requests.first?.text
        == #"{"groups":[{"filters":[{"name":"name","operator":"EQ","value":"x"},{"name":"n","operator":"EQ","value":"5"}]}]}"#
    )
  }

  // MARK: Writing

  @Test func `A form has brackets for what lies inside, and an empty text for what is cleared`() async throws {
    let (server, items) = try connector(
      "list: { path: /items }\nread: { path: \"/items/{id}\" }\nupdate: { method: POST, path: \"/items/{id}\" }",
      rest: "body: form\nclear: empty"
    ) { _ in .json(200, #"{"id":"7"}"#) }
    _ = await update(items, ["name": .null, "address": ["city": "Rom & Ort"], "tags": ["a", "b"], "ok": true])
    #expect(
      server.requests.first?.text == "name=&address%5Bcity%5D=Rom%20%26%20Ort&tags%5B0%5D=a&tags%5B1%5D=b&ok=true")
    #expect(server.requests.first?.header("Content-Type") == "application/x-www-form-urlencoded")
  }

  @Test func `A record is put under an id that is made of its own fields`() async throws {
    let (server, items) = try connector(
      """
      list: { path: /items }
      create:
        method: PUT
        path: "/items/{fields.contact.email|lower|md5}"
        with: { status_if_new: subscribed }
      """
    ) { _ in .json(200, #"{"id":"m"}"#) }
    _ = await create(items, ["contact": ["email": "Ann@Example.com"]])
    // The md5 of ann@example.com.
    #expect(server.requests.first?.target == "/items/257c57037d384ae37ea27a07e8a01665")
    #expect(server.requests.first?.text == #"{"status_if_new":"subscribed","contact":{"email":"Ann@Example.com"}}"#)
  }

  @Test func `A record is wrapped in a list with its id in it, and a delete is a state`() async throws {
    let (server, items) = try connector(
      """
      id: ContactID
      item: Contacts.0
      wrap: Contacts[]
      list: { path: /Contacts, items: Contacts }
      read: { path: "/Contacts/{id}" }
      update: { method: POST, path: /Contacts, id_in_body: ContactID }
      delete: { method: POST, path: "/Contacts/{id}", with: { ContactStatus: ARCHIVED } }
      """
    ) { _ in .json(200, #"{"Contacts":[{"ContactID":"7","Name":"x"}]}"#) }
    guard case .applied(let applied)? = await update(items, ["Name": "x"]) else {
      Issue.record("not applied")
      return
    }
    #expect(applied.after?["Name"] == "x")
    _ = await items.apply([Write(.delete, key: RecordKey("7"), fields: [:], expected: nil, idempotencyKey: "d")])
    #expect(
      server.requests.map(\.text) == [
        #"{"Contacts":[{"Name":"x","ContactID":"7"}]}"#, #"{"Contacts":[{"ContactStatus":"ARCHIVED"}]}"#,
      ])
  }

  @Test func `A version goes in If-Unmodified-Since or in the body, and an unknown one as the application wants`()
    async throws
  {
    let (server, items) = try connector(
      """
      list: { path: /items }
      read: { path: "/items/{id}" }
      update: { path: "/items/{id}", body: merge_patch }
      version: { path: at, condition: { header: If-Unmodified-Since, value: "{version|http_date}" }, body: rev, unknown: "*" }
      """
    ) { _ in .json(200, #"{"id":"7"}"#) }
    _ = await update(items, ["n": 1], version: "2026-11-24T03:30:00.500Z")
    _ = await update(items, ["n": 1])
    #expect(server.requests.map { $0.header("If-Unmodified-Since") } == ["Tue, 24 Nov 2026 03:30:00 GMT", "*"])
    #expect(server.requests.first?.text == #"{"n":1,"rev":"2026-11-24T03:30:00.500Z"}"#)
    #expect(server.requests.first?.header("Content-Type") == "application/merge-patch+json")
  }

  @Test(arguments: [
    (400, "RecordDuplicate", "unknown"), (400, "UNABLE_TO_LOCK_ROW", "retry"), (403, "REQUEST_LIMIT", "unavailable"),
    (400, "-2039", "mismatch"), (200, "THROTTLED", "unavailable"), (400, "OTHER", "rejected"), (418, "", "retry"),
  ])
  func `The application's own code decides what an answer means, whatever its status`(
    _ status: Int, _ code: String, _ outcome: String
  ) async throws {
    let (server, items) = try connector(
      """
      list: { path: /items }
      read: { path: "/items/{id}" }
      find: { query: { "{field}": "{value}" } }
      create: { path: /items }
      update: { path: "/items/{id}" }
      """,
      rest: """
        errors:
          418: retry
          code: [0.errorCode, error.code]
          codes: { RecordDuplicate: conflict, UNABLE_TO_LOCK_ROW: retry, REQUEST_LIMIT: throttle, "-2039": conflict, THROTTLED: throttle }
        """
    ) { request in
      if request.method == "GET" { return .json(200, #"{"id":"7"}"#) }
      return .json(status, code.hasPrefix("R") ? #"[{"errorCode":"\#(code)"}]"# : #"{"error":{"code":"\#(code)"}}"#)
    }
    defer { withExtendedLifetime(server) {} }
    let isCreate = code == "RecordDuplicate"
    let found = isCreate ? await create(items, ["n": 1]) : await update(items, ["n": 1])
    let name =
      switch found {
      case .applied?: "applied"
      case .mismatch?: "mismatch"
      case .retry?: "retry"
      case .unavailable?: "unavailable"
      case .rejected?: "rejected"
      case .unknown?: "unknown"
      case nil: "nothing"
      }
    #expect(name == outcome)
  }

  // MARK: Batches

  private static let batched = """
    id: id
    list: { path: /items, items: items }
    read: { path: "/items/{id}" }
    create: { path: /items }
    update: { path: "/items/{id}" }
    version: { path: v, if_match: '"{version}"' }
    """
  private static let batch = """
    batch:
      path: /$batch
      size: 20
      request: { id: "{number}", method: "{method}", url: "{relative}", headers: "{headers}", body: "{body}" }
      response: { number: id, status: status, headers: headers, body: body }
    """

  /// Answers a batch part by part, in reverse order, as `part` says; nil leaves the part out.
  private static func answer(_ body: [UInt8], _ part: (JSONValue) -> JSONValue?) -> ScriptedServer.Reply {
    let requests = (try? JSONValue(parsing: body))?.at("requests")?.arrayValue ?? []
    let parts = requests.compactMap { request -> JSONValue? in
      guard case .object(var answer)? = part(request) else { return nil }
      answer["id"] = request.at("id")
      return .object(answer)
    }
    let text = (["responses": .array(parts.reversed())] as JSONValue).text
    return .json(200, text)
  }

  @Test func `Writes that meet travel together, and each has its own fate`() async throws {
    let (server, items) = try connector(Self.batched, rest: Self.batch) { request in
      guard request.target == "/$batch" else {
        // Long enough for the others to gather behind it.
        usleep(50_000)
        return .json(200, #"{"id":"first"}"#)
      }
      return Self.answer(request.body) { part in
        switch part.at("url")?.stringValue {
        case "items/stale": ["status": 412]
        case "items/lost": nil
        case "items/bad": ["status": 422, "body": ["error": "no"]]
        case let url:
          ["status": 200, "headers": ["ETag": "x"], "body": ["id": .string(String((url ?? "").dropFirst(6)))]]
        }
      }
    }
    let keys = ["stale", "lost", "bad"] + (0..<30).map { "k\($0)" }
    let outcomes = await withTaskGroup(of: (String, Outcome?).self) { group in
      for key in keys {
        group.addTask {
          let write = Write(
            .update, key: RecordKey(.string(key)), fields: ["n": 1],
            expected: key == "stale" ? .init(version: "3", fields: [:]) : nil, idempotencyKey: key)
          return (key, await items.apply([write]).first)
        }
      }
      return await group.reduce(into: [String: Outcome?]()) { $0[$1.0] = $1.1 }
    }
    for key in keys {
      switch (key, outcomes[key] ?? nil) {
      case ("stale", .mismatch?), ("lost", .unknown?), ("bad", .rejected?), (_, .applied?): break
      case (_, let other): Issue.record("\(key): \(String(describing: other))")
      }
    }
    #expect(server.requests.count < keys.count / 3)
  }

  @Test func `A batch that is refused as a whole was not done, and one whose answer is lost may have been`()
    async throws
  {
    for (reply, isKnown) in [(ScriptedServer.Reply.json(503, "{}"), true), (.reset, false)] {
      let (server, items) = try connector(Self.batched, rest: Self.batch) { request in
        guard request.target == "/$batch" else {
          usleep(50_000)
          return .json(200, #"{"id":"first"}"#)
        }
        return reply
      }
      defer { withExtendedLifetime(server) {} }
      let writes = (0..<5).map {
        Write(.create, key: nil, fields: ["n": .integer($0)], expected: nil, idempotencyKey: "\($0)")
      }
      let outcomes = await items.apply(writes)
      let failed = outcomes.filter { if case .applied = $0 { false } else { true } }
      #expect(!failed.isEmpty)
      for outcome in failed {
        switch (outcome, isKnown) {
        case (.unavailable, true), (.unknown, false): break
        default: Issue.record("\(outcome)")
        }
      }
    }
  }
}
