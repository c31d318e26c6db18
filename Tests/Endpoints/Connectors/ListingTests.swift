import Changes
import Connectors
import JSON
import Support
import Testing

@Suite struct ListingTests {
  /// Lists until a listing is complete.
  private func all(_ object: any RemoteObject, after start: Position? = nil) async throws -> ([Change], Position) {
    var changes: [Change] = []
    var position = start
    while true {
      let batch = try await object.next(after: position)
      changes += batch.changes
      position = batch.through
      if batch.completeAsOf != nil { return (changes, batch.through) }
    }
  }

  private func list(_ paging: String, cursor: String = "", order: String = "ascending") -> String {
    "path: /items\nitems: items\norder: \(order)\nsize: { parameter: limit, default: 2 }\npaging: \(paging)\n\(cursor)"
  }

  private let pages = [#"{"id":1,"at":1},{"id":2,"at":2}"#, #"{"id":3,"at":3}"#]

  @Test func `A body link is followed, absolute and relative`() async throws {
    for prefix in ["", "ABSOLUTE"] {
      let connector = try ScriptedConnector(list: list("{ link: next }")) { [pages] request in
        let base = prefix.isEmpty ? "" : "http://" + (request.header("Host") ?? "")
        return request.target.contains("page=2")
          ? .json(200, "{\"items\":[\(pages[1])],\"next\":null}")
          : .json(200, "{\"items\":[\(pages[0])],\"next\":\"\(base)/items?page=2\"}")
      }
      #expect(try await all(connector.object).0.map(\.key.description) == ["1", "2", "3"])
      #expect(connector.server.requests.map(\.target) == ["/items?limit=2", "/items?page=2"])
    }
  }

  @Test(arguments: ["Link", "Next-Page"]) func `A header link is followed`(_ name: String) async throws {
    let connector = try ScriptedConnector(list: list("{ link_header: \(name) }")) { [pages] request in
      let url = "http://\(request.header("Host") ?? "")/items?page=2"
      let value = name == "Link" ? "</items?page=1>; rel=\"prev\", <\(url)>; rel=\"next\"" : url
      return request.target.contains("page=2")
        ? .json(200, "{\"items\":[\(pages[1])]}") : .json(200, "{\"items\":[\(pages[0])]}", headers: [(name, value)])
    }
    #expect(try await all(connector.object).0.count == 3)
  }

  @Test func `Numbered pages are read until one is empty, since servers cap the size without a word`() async throws {
    let connector = try ScriptedConnector(list: list("{ page: { parameter: page } }")) { [pages] request in
      let number = request.target.last.flatMap { Int(String($0)) } ?? 0
      return .json(200, "{\"items\":[\(number <= 2 ? pages[number - 1] : "")]}")
    }
    #expect(try await all(connector.object).0.count == 3)
    #expect(connector.server.requests.map { $0.target.suffix(6) } == ["page=1", "page=2", "page=3"])
  }

  @Test func `Offsets grow by what was returned`() async throws {
    let connector = try ScriptedConnector(list: list("{ offset: skip }")) { [pages] request in
      let body = request.target.hasSuffix("skip=2") ? pages[1] : request.target.hasSuffix("skip=3") ? "" : pages[0]
      return .json(200, "{\"items\":[\(body)]}")
    }
    #expect(try await all(connector.object).0.count == 3)
  }

  @Test func `An opaque token is handed back encoded`() async throws {
    let connector = try ScriptedConnector(list: list("{ token: { parameter: after, from: paging.next } }")) {
      [pages] request in
      request.target.contains("after=a%2Fb%3D")
        ? .json(200, "{\"items\":[\(pages[1])]}")
        : .json(200, "{\"items\":[\(pages[0])],\"paging\":{\"next\":\"a/b=\"}}")
    }
    #expect(try await all(connector.object).0.count == 3)
  }

  @Test func `The cursor moves to the greatest value seen and repeats are not told twice`() async throws {
    let replies = Turns(
      .json(200, #"{"items":[{"id":"a","at":9},{"id":"b","at":10}]}"#), .json(200, #"{"items":[{"id":"b","at":10}]}"#))
    let connector = try ScriptedConnector(every: .zero) { _ in replies.next }
    let (changes, first) = try await all(connector.object)
    #expect(changes.map(\.key) == [RecordKey("a"), RecordKey("b")])
    let (repeats, second) = try await all(connector.object, after: first)
    #expect(repeats.isEmpty)
    #expect(second == first)
    #expect(connector.server.requests.last?.target == "/items?since=10&limit=2")
  }

  @Test func `A batch that was not kept is told again`() async throws {
    let connector = try ScriptedConnector(every: .zero) { _ in .json(200, #"{"items":[{"id":"a","at":1}]}"#) }
    let first = try await connector.object.next(after: nil)
    let again = try await connector.object.next(after: nil)
    #expect(first.changes.count == 1)
    #expect(again.changes.count == 1)
    #expect(first.changes[0].stamp < again.changes[0].stamp)
  }

  @Test func `Where the order is not known the cursor passes only what the first page held`() async throws {
    let cursor = "cursor: { parameter: since, item: at }"
    let connector = try ScriptedConnector(list: list("{ link: next }", cursor: cursor, order: "any"), every: .zero) {
      request in
      request.target.contains("page=2")
        ? .json(200, #"{"items":[{"id":"b","at":50}]}"#)
        : .json(200, #"{"items":[{"id":"a","at":7}],"next":"/items?page=2"}"#)
    }
    let (_, position) = try await all(connector.object)
    _ = try await connector.object.next(after: position)
    #expect(connector.server.requests.last?.target == "/items?since=7&limit=2")
  }

  @Test func `A header cursor loses its quotes and an overlap steps back`() async throws {
    let header = "cursor: { parameter: since, header: ETag }"
    let byHeader = try ScriptedConnector(list: list("{ link: next }", cursor: header), every: .zero) { _ in
      .json(200, #"{"items":[]}"#, headers: [("ETag", "W/\"123\"")])
    }
    _ = try await byHeader.object.next(after: try await all(byHeader.object).1)
    #expect(byHeader.server.requests.last?.target == "/items?since=123&limit=2")
    let overlap = "cursor: { parameter: since, item: at, overlap: 60s, format: iso8601 }"
    let stepping = try ScriptedConnector(list: list("{ link: next }", cursor: overlap), every: .zero) { _ in
      .json(200, #"{"items":[{"id":"a","at":"2026-03-01T00:00:30.500Z"}]}"#)
    }
    _ = try await stepping.object.next(after: try await all(stepping.object).1)
    #expect(stepping.server.requests.last?.target == "/items?since=2026-02-28T23%3A59%3A30.500Z&limit=2")
  }

  @Test func `A tombstone is a delete and a live record an update`() async throws {
    let connector = try ScriptedConnector { _ in
      .json(200, #"{"items":[{"id":"a","at":1,"n":1.10,"version":4},{"id":"b","at":2,"deleted":true}]}"#)
    }
    let changes = try await connector.object.next(after: nil).changes
    #expect(changes.map(\.operation) == [.update, .delete])
    #expect(changes[0].version == "4")
    #expect(String(decoding: changes[0].row, as: UTF8.self) == #"{"id":"a","at":1,"n":1.10,"version":4}"#)
  }

  @Test(arguments: ["http://evil.example/items", "//evil.example/", "https://127.0.0.1/", "http://127.0.0.1:1@evil/"])
  func `A next link that leaves the origin is refused`(_ link: String) async throws {
    let connector = try ScriptedConnector { _ in .json(200, "{\"items\":[],\"next\":\"\(link)\"}") }
    await #expect { _ = try await connector.object.next(after: nil) } throws: {
      ($0 as? Failure)?.code == "connector.next-link"
    }
    #expect(connector.server.requests.count == 1)
  }

  @Test func `A redirected listing fails without following, and no error tells the secret`() async throws {
    let connector = try ScriptedConnector { request in
      .answer(302, headers: [("Location", "/elsewhere")], body: request.header("Authorization") ?? "")
    }
    #expect(connector.server.requests.isEmpty)
    await #expect { _ = try await connector.object.next(after: nil) } throws: {
      ($0 as? EndUnavailable)?.failure.code == "http.302" && !"\($0)".contains(ScriptedConnector.secret)
    }
    #expect(connector.server.requests.map(\.target) == ["/items?limit=2"])
    #expect(connector.server.requests.first?.header("Authorization") == "Bearer \(ScriptedConnector.secret)")
  }

  @Test func `A page mark that is not accepted any more starts the listing again`() async throws {
    let replies = Turns(
      .json(200, #"{"items":[{"id":"a","at":1}],"next":"/items?page=2"}"#), .json(410, "{}"),
      .json(200, #"{"items":[{"id":"a","at":1}]}"#))
    let connector = try ScriptedConnector { _ in replies.next }
    #expect(try await all(connector.object).0.count >= 1)
    #expect(connector.server.requests.map(\.target) == ["/items?limit=2", "/items?page=2", "/items?limit=2"])
  }

  @Test func `A cursor the application forgot, or one of another address, is a gap`() async throws {
    let replies = Turns(.json(200, #"{"items":[{"id":"a","at":1}]}"#), .json(410, "{}"))
    let connector = try ScriptedConnector(every: .zero) { _ in replies.next }
    let (_, position) = try await all(connector.object)
    await #expect(throws: CaptureGap.self) { _ = try await connector.object.next(after: position) }
    let elsewhere = Position(epoch: "http://other", place: position.place)
    await #expect(throws: CaptureGap.self) { _ = try await connector.object.next(after: elsewhere) }
  }

  @Test func `An idle object answers within a second and lists at once when woken`() async throws {
    let connector = try ScriptedConnector { _ in .json(200, #"{"items":[{"id":"a","at":1}]}"#) }
    let (_, position) = try await all(connector.object)
    let idle = try await connector.object.next(after: position)
    #expect(idle.changes.isEmpty)
    #expect(idle.completeAsOf != nil)
    #expect(connector.server.requests.count == 1)
    connector.object.wake()
    _ = try await connector.object.next(after: position)
    #expect(connector.server.requests.count == 2)
  }

  @Test func `What goes by the calendar is not listed again because of a restart, unless its time has come`()
    async throws
  {
    let connector = try ScriptedConnector(pull: try Schedule("0 0 1 1 *")) { _ in
      .json(200, #"{"items":[{"id":"a","at":1}]}"#)
    }
    let (_, position) = try await all(connector.object)
    let restarted = try connector.restarted()
    #expect(try await restarted.next(after: position).changes.isEmpty)
    #expect(connector.server.requests.count == 1)
    let place = try JSONObject(parsing: position.place.utf8)
    let year: Int64 = 366 * 86_400 * 1_000_000
    let listed = try #require(place["listed_at"]?.integerValue)
    let older = Position(epoch: position.epoch, place: place.merging(["listed_at": .integer(listed - year)]).text)
    _ = try await connector.restarted().next(after: older)
    #expect(connector.server.requests.count == 2)
  }

  @Test func `While the application asks for patience nothing is sent`() async throws {
    let connector = try ScriptedConnector { _ in .json(429, "{}", headers: [("Retry-After", "3600")]) }
    for _ in 0..<2 {
      await #expect { _ = try await connector.object.next(after: nil) } throws: {
        ($0 as? EndUnavailable)?.failure.code == "http.429"
      }
    }
    #expect(connector.server.requests.count == 1)
  }

  @Test func `A listing that failed is tried again when asked, not at the next turn`() async throws {
    let replies = Turns(
      .json(200, #"{"items":[{"id":"a","at":1}]}"#), .json(500, "{}"), .json(200, #"{"items":[{"id":"b","at":2}]}"#))
    let connector = try ScriptedConnector { _ in replies.next }
    let (_, position) = try await all(connector.object)
    connector.object.wake()
    await #expect(throws: EndUnavailable.self) { _ = try await connector.object.next(after: position) }
    #expect(try await connector.object.next(after: position).changes.map(\.key) == [RecordKey("b")])
  }

  @Test func `Chunks leave tombstones out and end with the last page`() async throws {
    let connector = try ScriptedConnector { request in
      request.target.contains("page=2")
        ? .json(200, #"{"items":[{"id":"c","at":3}]}"#)
        : .json(200, #"{"items":[{"id":"a","at":1},{"id":"b","deleted":true}],"next":"/items?page=2"}"#)
    }
    let first = try await connector.object.chunk(from: nil, limit: 10)
    let second = try await connector.object.chunk(from: first.next, limit: 10)
    #expect((first.records + second.records).map(\.key) == [RecordKey("a"), RecordKey("c")])
    #expect(second.next == nil)
  }

  @Test func `A look-up asks by field and trusts only what is equal`() async throws {
    let connector = try ScriptedConnector { _ in
      .json(200, #"{"items":[{"id":"a","email":"x@y"},{"id":"b","email":"X@Y"}]}"#)
    }
    let found = try await connector.object.find(["email": "x@y"])
    #expect(found.map(\.key) == [RecordKey("a")])
    #expect(connector.server.requests.first?.target == "/items?email=x%40y&limit=2")
  }
}
