import Changes
import Connectors
import Glibc
import JSON
import Support
import Synchronization
import Testing

@Suite struct GateTests {
  private func write(_ number: Int) -> Write {
    Write(.update, key: RecordKey(.string("\(number)")), fields: ["n": 1], expected: nil, idempotencyKey: "k")
  }

  @Test func `The limit of a connector holds over all calls together`() async throws {
    let count = Mutex((now: 0, most: 0))
    let connector = try ScriptedConnector(rest: "limits: { concurrency: 3 }") { _ in
      count.withLock { count in
        count.now += 1
        count.most = max(count.most, count.now)
      }
      // Long enough for a fourth request to arrive meanwhile if one were sent.
      usleep(5000)
      count.withLock { $0.now -= 1 }
      return .answer(204)
    }
    let applied = await withTaskGroup(of: Bool.self) { group in
      for number in 0..<30 {
        group.addTask {
          if case .applied? = await connector.apply(write(number)) { true } else { false }
        }
      }
      return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(applied == 30)
    #expect(count.withLock { $0.most } == 3)
  }

  @Test func `One refusal for too many requests holds the whole connector back`() async throws {
    let connector = try ScriptedConnector { _ in .json(429, "{}", headers: [("Retry-After", "3600")]) }
    for number in 0..<3 {
      guard case .unavailable(let failure, let after?)? = await connector.apply(write(number)) else {
        Issue.record("expected an outage")
        return
      }
      #expect(failure.code == "http.429")
      #expect(after > .seconds(3500))
    }
    await #expect { try await connector.object.records([RecordKey("a")]) } throws: {
      ($0 as? EndUnavailable)?.failure.code == "http.429"
    }
    #expect(connector.server.requests.count == 1)
  }

  @Test func `A task that is cancelled while it waits for room sends nothing and leaves the room to others`()
    async throws
  {
    let (arrived, arrival) = AsyncStream.makeStream(of: Void.self)
    let connector = try ScriptedConnector(rest: "limits: { concurrency: 1 }") { request in
      guard request.target.hasSuffix("/0") else { return .answer(204) }
      arrival.yield()
      return .hold
    }
    let first = Task { await connector.apply(write(0)) }
    for await _ in arrived { break }
    let second = Task { await connector.apply(write(1)) }
    second.cancel()
    guard case .unavailable(let failure, _)? = await second.value else {
      Issue.record("expected nothing to be sent")
      return
    }
    #expect(failure.code == "http.cancelled")
    first.cancel()
    _ = await first.value
    guard case .applied? = await connector.apply(write(2)) else {
      Issue.record("the room was not given back")
      return
    }
    #expect(connector.server.requests.map(\.target) == ["/items/0", "/items/2"])
  }

  @Test(arguments: [302, 401, 403, 408, 429, 500, 502, 503, 504])
  func `A read that the application as a whole refuses gives no record up`(_ status: Int) async throws {
    let connector = try ScriptedConnector { _ in .json(status, "{}") }
    for read in [
      { _ = try await connector.object.records([RecordKey("a")]) }, { _ = try await connector.object.find(["n": 1]) },
      { _ = try await connector.object.chunk(from: nil, limit: 10) },
      { _ = try await connector.object.next(after: nil) },
    ] as [() async throws -> Void] {
      await #expect { try await read() } throws: { ($0 as? EndUnavailable)?.failure.code == "http.\(status)" }
    }
  }

  @Test(arguments: [ScriptedServer.Reply.close, .reset, .answer(200, body: "<html>")])
  func `A read without a proper answer gives no record up`(_ reply: ScriptedServer.Reply) async throws {
    let connector = try ScriptedConnector { _ in reply }
    await #expect(throws: EndUnavailable.self) { try await connector.object.records([RecordKey("a")]) }
    await #expect(throws: EndUnavailable.self) { try await connector.object.find(["n": 1]) }
  }

  @Test(arguments: [400, 422]) func `A read that is refused for itself is a failure of its record`(_ status: Int)
    async throws
  {
    let connector = try ScriptedConnector { _ in .json(status, "{}") }
    await #expect { try await connector.object.records([RecordKey("a")]) } throws: {
      ($0 as? Failure)?.code == "http.\(status)"
    }
  }
}
