import Changes
import Connectors
import JSON
import Support
import Testing

@Suite struct ApplyTests {
  private func write(
    _ action: Write.Action, _ id: String? = "a", fields: JSONObject = ["n": 1], version: String? = nil,
    known: JSONObject? = nil
  ) -> Write {
    let expected = version != nil || known != nil ? Write.Known(version: version, fields: known ?? [:]) : nil
    return Write(
      action, key: id.map { RecordKey(.string($0)) }, fields: fields, expected: expected, idempotencyKey: "key-1")
  }

  /// What an outcome is, in short.
  private func short(_ outcome: Outcome?) -> String {
    switch outcome {
    case .applied(let applied)?: "applied \(applied.key) \(applied.version ?? "-")"
    case .mismatch(let record)?: "mismatch \(record.map { "\($0.key) \($0.version ?? "-")" } ?? "nil")"
    case .retry(let failure, let after)?: "retry \(failure.code) \(after.map { "\($0)" } ?? "-")"
    case .unavailable(let failure, let after)?: "unavailable \(failure.code) \(after.map { "\($0)" } ?? "-")"
    case .rejected(let failure)?: "rejected \(failure.code)"
    case .unknown(let failure)?: "unknown \(failure.code)"
    case nil: "none"
    }
  }

  @Test func `An update is conditional on the version and leaves the new one`() async throws {
    let connector = try ScriptedConnector { _ in
      .json(200, #"{"id":"a","n":1.10,"version":8}"#, headers: [("ETag", "\"8\"")])
    }
    let decimal = try JSONObject(parsing: Array(#"{"n":1.10}"#.utf8))
    let outcome = await connector.apply(write(.update, fields: decimal, version: "7"))
    #expect(short(outcome) == "applied a 8")
    guard case .applied(let applied)? = outcome else { return }
    #expect(applied.after?["id"] == "a")
    #expect(applied.stamp != nil)
    let seen = try #require(connector.server.requests.first)
    #expect(seen.method == "PATCH")
    #expect(seen.header("If-Match") == "\"7\"")
    #expect(seen.text == #"{"n":1.10}"#)
    #expect(seen.header("Content-Type") == "application/json")
  }

  @Test(arguments: [409, 412]) func `A conflict gives the record that the answer holds`(_ status: Int) async throws {
    let connector = try ScriptedConnector { _ in
      .json(status, #"{"error":"x","current":{"id":"a","n":5,"version":9}}"#)
    }
    #expect(short(await connector.apply(write(.update, version: "7"))) == "mismatch a 9")
    #expect(connector.server.requests.count == 1)
  }

  @Test func `A conflict without a record in it is read again`() async throws {
    let connector = try ScriptedConnector { request in
      request.method == "GET" ? .json(200, #"{"id":"a","version":9}"#) : .json(412, "{}")
    }
    #expect(short(await connector.apply(write(.update, version: "7"))) == "mismatch a 9")
  }

  @Test func `Without versions the record is compared before it is written`() async throws {
    let actions = #"""
      read: { path: "/items/{id}" }
      update: { method: PUT, path: "/items/{id}" }
      """#
    let connector = try ScriptedConnector(actions: actions) { _ in .json(200, #"{"id":"a","n":1.0,"m":2}"#) }
    #expect(short(await connector.apply(write(.update, known: ["n": 1]))) == "applied a -")
    #expect(short(await connector.apply(write(.update, known: ["n": 2]))) == "mismatch a -")
    #expect(connector.server.requests.map(\.method) == ["GET", "PUT", "GET"])
  }

  @Test(arguments: [404, 410]) func `What is gone is a mismatch with nothing`(_ status: Int) async throws {
    let connector = try ScriptedConnector { _ in .json(status, "{}") }
    #expect(short(await connector.apply(write(.delete, version: "1"))) == "mismatch nil")
    #expect(short(await connector.apply(write(.update, version: "1"))) == "mismatch nil")
  }

  @Test func `Retry-After is taken in both forms and not cut short`() async throws {
    let seconds = try ScriptedConnector { _ in .json(503, "{}", headers: [("Retry-After", "86400")]) }
    #expect(short(await seconds.apply(write(.update))) == "unavailable http.503 86400.0 seconds")
    let date = try ScriptedConnector { _ in
      .json(429, "{}", headers: [("Retry-After", "Fri, 31 Dec 2999 23:59:59 GMT")])
    }
    guard case .unavailable(_, let delay?)? = await date.apply(write(.update)) else {
      Issue.record("expected a delay")
      return
    }
    #expect(delay > .seconds(86_400 * 365 * 30))
    let past = try ScriptedConnector { _ in
      .json(429, "{}", headers: [("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT")])
    }
    #expect(short(await past.apply(write(.update))) == "unavailable http.429 0.0 seconds")
  }

  @Test(arguments: [
    (400, "rejected http.400"), (401, "unavailable http.401 -"), (403, "unavailable http.403 -"),
    (422, "rejected http.422"), (423, "retry http.423 -"), (500, "retry http.500 -"), (502, "unavailable http.502 -"),
    (504, "unavailable http.504 -"), (307, "rejected http.307"),
  ]) func `A status has one meaning for an update`(_ status: Int, _ meaning: String) async throws {
    let connector = try ScriptedConnector(rest: "errors: { 423: retry }") { _ in
      .json(status, "{}", headers: [("Location", "/elsewhere")])
    }
    #expect(short(await connector.apply(write(.update))) == meaning)
    #expect(connector.server.requests.count == 1)
  }

  @Test(arguments: [500, 502, 504]) func `A create that a gateway lost may have happened`(_ status: Int) async throws {
    let connector = try ScriptedConnector { _ in .json(status, "{}") }
    #expect(short(await connector.apply(write(.create, nil))) == "unknown http.\(status)")
  }

  @Test func `A lost answer is unknown and a refused connection is not`() async throws {
    for reply in [ScriptedServer.Reply.close, .reset, .raw(Array("garbage".utf8))] {
      let connector = try ScriptedConnector { _ in reply }
      #expect(short(await connector.apply(write(.create, nil))).hasPrefix("unknown http."))
      #expect(connector.server.requests.count == 1)
    }
    let html = try ScriptedConnector { _ in .answer(200, body: "<html>") }
    #expect(short(await html.apply(write(.update))) == "unknown connector.answer")
  }

  @Test func `A create shows its idempotency key and finds the new id in body or Location`() async throws {
    let body = try ScriptedConnector(
      actions: #"""
        create: { path: /items, wrap: data, item: data, id: { body: data.id } }
        idempotency: { header: Idempotency-Key }
        """#
    ) { _ in .json(201, #"{"data":{"id":42,"n":1}}"#) }
    #expect(short(await body.apply(write(.create, nil))) == "applied 42 -")
    #expect(body.server.requests.first?.header("Idempotency-Key") == "key-1")
    #expect(body.server.requests.first?.text == #"{"data":{"n":1}}"#)
    let location = try ScriptedConnector(actions: "create: { path: /items, id: { location: true } }") { _ in
      .answer(201, headers: [("Location", "/items/a%20b?x=1")])
    }
    #expect(short(await location.apply(write(.create, nil))) == "applied a b -")
  }

  @Test func `A create that finds the record already there is a mismatch`() async throws {
    let connector = try ScriptedConnector(actions: "create: { path: /items, created: 201 }") { _ in
      .json(200, #"{"id":"c1","n":7}"#)
    }
    #expect(short(await connector.apply(write(.create, nil))) == "mismatch c1 -")
  }

  @Test func `An id stays inside its path segment`() async throws {
    let connector = try ScriptedConnector { _ in .answer(204) }
    #expect(short(await connector.apply(write(.delete, "../a b?x#y/é%"))) == "applied ../a b?x#y/é% -")
    #expect(connector.server.requests.first?.target == "/items/..%2Fa%20b%3Fx%23y%2F%C3%A9%25")
    for id in ["", ".", ".."] { #expect(short(await connector.apply(write(.delete, id))) == "rejected connector.id") }
    #expect(connector.server.requests.count == 1)
  }

  @Test func `Many writes are answered in their places`() async throws {
    let connector = try ScriptedConnector { request in
      request.target.hasSuffix("/3") ? .json(422, "{}") : .answer(204)
    }
    let outcomes = await connector.object.apply((0..<10).map { write(.update, "\($0)") })
    #expect(outcomes.map(short) == (0..<10).map { $0 == 3 ? "rejected http.422" : "applied \($0) -" })
  }

  @Test func `Records that exist are read and the others left out`() async throws {
    let connector = try ScriptedConnector { request in
      request.target == "/items/a" ? .json(200, #"{"id":"a","n":1}"#, headers: [("ETag", "W/\"3\"")]) : .json(404, "{}")
    }
    let records = try await connector.object.records([RecordKey("a"), RecordKey("b")])
    #expect(records.keys.map(\.description) == ["a"])
    #expect(records[RecordKey("a")]?.version == "3")
  }
}
