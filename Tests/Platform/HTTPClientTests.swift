import Foundation
import HTTP
import Support
import Testing

@Suite struct HTTPClientTests {
  private func error(_ client: HTTPClient, _ request: HTTPRequest) async -> HTTPError? {
    do {
      _ = try await client.send(request)
      return nil
    } catch {
      return error
    }
  }

  @Test func `A request arrives as it was given and the answer comes back whole`() async throws {
    let server = try ScriptedServer { request in
      .answer(201, headers: [("X-Seen", "a"), ("x-seen", "b")], body: request.method + " " + request.text)
    }
    let request = HTTPRequest(
      "PATCH", server.url + "/a%20b?x=1", headers: ["If-Match": "\"1\"", "X-Empty": ""],
      body: Array("{\"n\":1.10}".utf8))
    let response = try await HTTPClient().send(request)
    #expect(response.status == 201)
    #expect(String(decoding: response.body, as: UTF8.self) == "PATCH {\"n\":1.10}")
    #expect(response.headers.values("X-SEEN") == ["a", "b"])
    let seen = try #require(server.requests.first)
    #expect(seen.target == "/a%20b?x=1")
    #expect(seen.header("If-Match") == "\"1\"")
    #expect(seen.header("X-Empty") == "")
    #expect(seen.header("User-Agent") == "tidemark")
    #expect(seen.header("Expect") == nil)
    #expect(seen.header("Content-Type") == nil)
  }

  @Test(arguments: ["GET", "POST", "PUT", "DELETE", "HEAD"]) func `Every method is sent under its own name`(
    _ method: String
  ) async throws {
    let server = try ScriptedServer { _ in .answer(200, body: "x") }
    let response = try await HTTPClient().send(HTTPRequest(method, server.url + "/"))
    #expect(response.status == 200)
    #expect(server.requests.map(\.method) == [method])
  }

  @Test(arguments: [301, 302, 303, 307, 308]) func `A redirect is an answer and is not followed`(_ status: Int)
    async throws
  {
    let server = try ScriptedServer { _ in .answer(status, headers: [("Location", "/elsewhere")]) }
    let response = try await HTTPClient().send(HTTPRequest("POST", server.url + "/", body: Array("x".utf8)))
    #expect(response.status == status)
    #expect(response.headers["location"] == "/elsewhere")
    #expect(server.requests.count == 1)
  }

  @Test func `A refused connection and an unknown host certainly had no effect`() async throws {
    let client = HTTPClient()
    let port = try ScriptedServer { _ in .hold }.port
    let refused = await error(client, HTTPRequest("POST", "http://127.0.0.1:\(port)/", body: []))
    #expect(refused?.kind == .connect)
    #expect(refused?.mayHaveBeenApplied == false)
    let unknown = await error(client, HTTPRequest("POST", "http://no-such-host.invalid/", body: []))
    #expect(unknown?.mayHaveBeenApplied == false)
  }

  @Test func `A failed TLS handshake certainly had no effect`() async throws {
    let server = try ScriptedServer { _ in .close }
    // The server waits for a blank line that a handshake never brings, so the connect timeout may end it instead.
    var limits = HTTPLimits()
    limits.connectTimeout = .milliseconds(300)
    let url = "https://127.0.0.1:\(server.port)/"
    let failure = await error(HTTPClient(limits: limits), HTTPRequest("POST", url, body: []))
    #expect(failure?.mayHaveBeenApplied == false)
    #expect(server.requests.isEmpty)
  }

  @Test func `A timeout after sending may have been applied`() async throws {
    let server = try ScriptedServer { _ in .hold }
    let request = HTTPRequest("POST", server.url + "/", body: Array("x".utf8), timeout: .milliseconds(200))
    let failure = await error(HTTPClient(), request)
    #expect(failure?.kind == .timeout)
    #expect(failure?.mayHaveBeenApplied == true)
  }

  @Test func `A reset after sending may have been applied`() async throws {
    let server = try ScriptedServer { _ in .reset }
    let failure = await error(HTTPClient(), HTTPRequest("POST", server.url + "/", body: Array("x".utf8)))
    #expect(failure?.kind == .reset)
    #expect(failure?.mayHaveBeenApplied == true)
  }

  @Test func `A write is not sent again when a reused connection closes without an answer`() async throws {
    let server = try ScriptedServer { request in request.target == "/lost" ? .close : .answer(200) }
    let client = HTTPClient()
    _ = try await client.send(HTTPRequest("GET", server.url + "/first"))
    let failure = await error(client, HTTPRequest("POST", server.url + "/lost", body: Array("x".utf8)))
    #expect(failure?.mayHaveBeenApplied == true)
    #expect(server.requests.map(\.target) == ["/first", "/lost"])
  }

  @Test func `An answer above the limit is cut off`() async throws {
    let server = try ScriptedServer { _ in .answer(200, body: String(repeating: "x", count: 100_000)) }
    var limits = HTTPLimits()
    limits.bodyBytes = 50_000
    let failure = await error(HTTPClient(limits: limits), HTTPRequest("GET", server.url + "/"))
    #expect(failure?.kind == .tooLarge)
  }

  @Test func `A compressed answer is cut off by its size after decompression`() async throws {
    // 200,000 zero bytes.
    let bomb = try #require(
      Data(
        base64Encoded: "H4sIAAAAAAACA+3BMQEAAADCoPVPbQZ/oAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
          + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
          + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
          + "AAAAAAAAAAAAAAAAAAAACA1wB7WOBcQA0DAA=="))
    let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(bomb.count)\r\n\r\n"
    let server = try ScriptedServer { _ in .raw(Array(head.utf8) + Array(bomb)) }
    let whole = try await HTTPClient().send(HTTPRequest("GET", server.url + "/"))
    #expect(whole.body.count == 200_000)
    var limits = HTTPLimits()
    limits.bodyBytes = 100_000
    #expect(await error(HTTPClient(limits: limits), HTTPRequest("GET", server.url + "/"))?.kind == .tooLarge)
  }

  @Test func `Too many headers are refused`() async throws {
    let headers = (0..<300).map { ("X-\($0)", "v") }
    let server = try ScriptedServer { _ in .answer(200, headers: headers) }
    #expect(await error(HTTPClient(), HTTPRequest("GET", server.url + "/"))?.kind == .tooLarge)
  }

  @Test func `What is not HTTP is called garbage`() async throws {
    let server = try ScriptedServer { _ in .raw(Array("SSH-2.0-OpenSSH_9.2\r\n".utf8)) }
    let failure = await error(HTTPClient(), HTTPRequest("POST", server.url + "/", body: []))
    #expect(failure?.kind == .garbage)
    #expect(failure?.mayHaveBeenApplied == true)
  }

  @Test func `A dripping answer ends with the timeout`() async throws {
    let server = try ScriptedServer { _ in .drip }
    let request = HTTPRequest("GET", server.url + "/", timeout: .milliseconds(300))
    #expect(await error(HTTPClient(), request)?.kind == .timeout)
  }

  @Test(arguments: ["a\r\nX-Evil: 1", "a\nb", "a\0b"])
  func `A header value with a line break is refused before sending`(
    _ value: String
  ) async throws {
    let server = try ScriptedServer { _ in .answer(200) }
    let failure = await error(HTTPClient(), HTTPRequest("GET", server.url + "/", headers: ["X-A": value]))
    #expect(failure?.kind == .invalidRequest)
    #expect(server.requests.isEmpty)
  }

  @Test(arguments: ["file:///etc/passwd", "ftp://127.0.0.1/", "http://user:secret@127.0.0.1/", "http://127.0.0.1/a b"])
  func `A URL that is not plain http is refused without repeating it`(_ url: String) async throws {
    let failure = await error(HTTPClient(), HTTPRequest("GET", url))
    #expect(failure?.kind == .invalidRequest)
    #expect(failure?.mayHaveBeenApplied == false)
    #expect(failure?.message.contains("secret") == false)
  }

  @Test func `A cancelled task stops waiting at once`() async throws {
    let (arrived, arrival) = AsyncStream.makeStream(of: Void.self)
    let server = try ScriptedServer { _ in
      arrival.yield()
      return .hold
    }
    let client = HTTPClient()
    let task = Task { await error(client, HTTPRequest("POST", server.url + "/", body: [])) }
    for await _ in arrived { break }
    task.cancel()
    let failure = await task.value
    #expect(failure?.kind == .cancelled)
    #expect(failure?.mayHaveBeenApplied == true)
  }

  @Test func `Many requests at once all get their own answer`() async throws {
    let server = try ScriptedServer { request in .answer(200, body: request.target) }
    let client = HTTPClient()
    let answers = try await withThrowingTaskGroup(of: Bool.self) { group in
      for number in 0..<100 {
        group.addTask {
          let response = try await client.send(HTTPRequest("GET", server.url + "/\(number)"))
          return String(decoding: response.body, as: UTF8.self) == "/\(number)"
        }
      }
      return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(answers == 100)
  }
}
