import Changes
import Connectors
import Crypto
import CryptoExtras
import Foundation
import HTTP
import JSON
import Support
import Synchronization
import Testing

/// Who calls, and with what: over loopback, against a server that minds.
@Suite struct AuthenticationTests {
  /// A connector whose object is `/items`, listed in one page.
  private func object(
    _ server: ScriptedServer, _ authentication: String, auth: [String: String], rest: String = "",
    folder: String = "/nonexistent"
  ) throws -> any RemoteObject {
    let manifest = try Manifest(
      text: """
        name: guarded
        authentication:
        \(authentication.indentedLines(2))
        \(rest)
        objects:
          items:
            list: { path: /items, items: items }
            read: { path: "/items/{id}" }
            update: { path: "/items/{id}" }
        """, file: "guarded.yaml")
    let connector = try Connector(
      name: "app", manifest: manifest, url: server.url, auth: auth, folder: folder, client: HTTPClient())
    return try connector.object("items", pull: .every(.zero))
  }

  private func read(_ object: any RemoteObject, times: Int = 1) async throws {
    _ = try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<times {
        group.addTask { _ = try await object.records([RecordKey(.string("\(number)"))]) }
      }
      try await group.waitForAll()
    }
  }

  private static let clientCredentials = """
    oauth2:
      grant: client_credentials
      token: /token
      client: { id: client_id, secret: client_secret, in: basic }
      scope: "all"
    """

  /// Gives out `t1`, `t2`…, each good for as long as `seconds` says, and takes only the last one.
  private func tokenServer(expires seconds: Int, revoking revoked: Set<String> = []) throws -> ScriptedServer {
    let given = Mutex(0)
    return try ScriptedServer { request in
      if request.target == "/token" {
        let number = given.withLock { given in
          given += 1
          return given
        }
        return .json(
          200,
          #"{"access_token":"t\(number)","token_type":"bearer","expires_in":"\#(seconds)"}"#
            .replacing(#"\(number)"#, with: "\(number)"))
      }
      let last = "Bearer t\(given.withLock { $0 })"
      guard request.header("Authorization") == last, !revoked.contains(String(last.dropFirst(7))) else {
        return .json(401, "{}")
      }
      return .json(200, #"{"id":"1"}"#)
    }
  }

  @Test func `A hundred requests fetch one token between them`() async throws {
    let server = try tokenServer(expires: 3600)
    let items = try object(
      server, Self.clientCredentials, auth: ["client_id": "me", "client_secret": "s+cret"])
    try await read(items, times: 100)
    let tokens = server.requests.filter { $0.target == "/token" }
    #expect(tokens.count == 1)
    #expect(tokens.first?.text == "grant_type=client_credentials&scope=all")
    #expect(tokens.first?.header("Authorization") == "Basic " + Data("me:s%2Bcret".utf8).base64EncodedString())
  }

  @Test func `A token that is not accepted any more is renewed once for all who met that`() async throws {
    let server = try tokenServer(expires: 3600, revoking: ["t1"])
    let items = try object(server, Self.clientCredentials, auth: ["client_id": "me", "client_secret": "s"])
    try await read(items, times: 50)
    #expect(server.requests.count { $0.target == "/token" } == 2)
  }

  @Test func `A token is renewed before it ends`() async throws {
    // A lifetime of nothing: each is renewed before its first use.
    let server = try tokenServer(expires: 0)
    let items = try object(server, Self.clientCredentials, auth: ["client_id": "me", "client_secret": "s"])
    try await read(items)
    try await read(items)
    #expect(server.requests.count { $0.target == "/token" } == 2)
    #expect(server.requests.count { $0.target != "/token" } == 2)
  }

  @Test func `Credentials that are refused hold everything back, and are not tried again by everyone`() async throws {
    let server = try ScriptedServer {
      $0.target == "/token" ? .json(400, #"{"error":"invalid_client"}"#) : .json(200, "{}")
    }
    let items = try object(server, Self.clientCredentials, auth: ["client_id": "me", "client_secret": "s"])
    for _ in 0..<20 {
      await #expect { try await read(items) } throws: { ($0 as? EndUnavailable)?.failure.code == "http.401" }
    }
    #expect(server.requests.count == 1)
  }

  @Test func `A write whose token could not be had was certainly not made`() async throws {
    let server = try ScriptedServer { $0.target == "/token" ? .reset : .json(200, #"{"id":"1"}"#) }
    let items = try object(server, Self.clientCredentials, auth: ["client_id": "me", "client_secret": "s"])
    let write = Write(.update, key: RecordKey("1"), fields: ["n": 1], expected: nil, idempotencyKey: "k")
    guard case .unavailable? = await items.apply([write]).first else {
      Issue.record("expected an outage")
      return
    }
  }

  @Test func `A write in a row of writes whose token ends in between is made, once`() async throws {
    let server = try tokenServer(expires: 3600, revoking: ["t1"])
    let items = try object(server, Self.clientCredentials, auth: ["client_id": "me", "client_secret": "s"])
    let writes = (0..<10).map {
      Write(.update, key: RecordKey(.string("\($0)")), fields: ["n": 1], expected: nil, idempotencyKey: "k\($0)")
    }
    for outcome in await items.apply(writes) {
      guard case .applied = outcome else {
        Issue.record("not applied: \(outcome)")
        return
      }
    }
    let accepted = server.requests.filter { $0.method == "PATCH" && $0.header("Authorization") == "Bearer t2" }
    #expect(accepted.count == 10)
  }

  private static let refresh = """
    oauth2:
      grant: refresh_token
      token: /token
      client: { id: client_id }
      refresh_token: refresh_token
    """

  /// Refresh tokens are good once: `r0` at first.
  private func rotatingServer(expires: Int = 3600) throws -> ScriptedServer {
    let state = Mutex((next: 0, spent: false))
    return try ScriptedServer { request in
      guard request.target == "/token" else {
        let last = state.withLock { $0.next }
        return request.header("Authorization") == "Bearer a\(last)" ? .json(200, #"{"id":"1"}"#) : .json(401, "{}")
      }
      return state.withLock { state in
        guard !state.spent, request.text.contains("refresh_token=r\(state.next)&") else {
          // Whoever shows one twice may have stolen it: none is good any more.
          state.spent = true
          return .json(400, #"{"error":"invalid_grant"}"#)
        }
        state.next += 1
        return .json(
          200,
          #"{"access_token":"aN","refresh_token":"rN","expires_in":E}"#
            .replacing("N", with: "\(state.next)").replacing("E", with: "\(expires)"))
      }
    }
  }

  @Test func `A refresh token that is good once outlives the process, for several at the same time`() async throws {
    let folder = ScratchFolder()
    let server = try rotatingServer(expires: 1)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<6 {
        // Each is as good as another process: nothing is shared but the file.
        let items = try object(
          server, Self.refresh, auth: ["client_id": "me", "refresh_token": "r0"], folder: folder.path)
        group.addTask { for _ in 0..<3 { try? await read(items) } }
      }
      try await group.waitForAll()
    }
    let refused = server.requests.filter { $0.target == "/token" }.count
    let items = try object(server, Self.refresh, auth: ["client_id": "me", "refresh_token": "r0"], folder: folder.path)
    try await read(items)
    #expect(refused >= 1)
    let kept = "\(folder.path)/.tidemark/tokens/app"
    let rights = try FileManager.default.attributesOfItem(atPath: kept)[.posixPermissions] as? Int
    #expect(rights == 0o600)
  }

  @Test func `Another refresh token in the configuration is used instead of what was kept`() async throws {
    let folder = ScratchFolder()
    let first = try rotatingServer()
    let old = try object(first, Self.refresh, auth: ["client_id": "me", "refresh_token": "r0"], folder: folder.path)
    try await read(old)
    let asked = Mutex<[String]>([])
    let second = try ScriptedServer { request in
      guard request.target == "/token" else { return .json(200, #"{"id":"1"}"#) }
      asked.withLock { $0.append(request.text) }
      return .json(200, #"{"access_token":"x","expires_in":60}"#)
    }
    let new = try object(second, Self.refresh, auth: ["client_id": "me", "refresh_token": "mine"], folder: folder.path)
    try await read(new)
    #expect(asked.withLock { $0.first?.contains("refresh_token=mine&") } == true)
  }

  @Test func `A login makes one session that all requests share, and another when it has ended`() async throws {
    let logins = Mutex(0)
    let server = try ScriptedServer { request in
      if request.target == "/Login" {
        guard request.text == #"{"CompanyDB":"DEMO","UserName":"me","Password":"s3cret"}"# else {
          return .json(403, "{}")
        }
        let number = logins.withLock { logins in
          logins += 1
          return logins
        }
        return .json(
          200, "{}", headers: [("Set-Cookie", "S=\(number); Path=/; HttpOnly"), ("Set-Cookie", "ROUTE=.node1")])
      }
      let wanted = "S=\(logins.withLock { $0 }); ROUTE=.node1"
      return request.header("Cookie") == wanted && wanted != "S=1; ROUTE=.node1"
        ? .json(200, #"{"id":"1"}"#) : .json(400, #"{"error":{"code":"301"}}"#)
    }
    let items = try object(
      server,
      """
      session:
        login: { path: /Login, body: { CompanyDB: "{company}", UserName: "{user}", Password: "{password}" } }
        cookies: true
        lifetime: 30m
      """, auth: ["company": "DEMO", "user": "me", "password": "s3cret"],
      rest: "errors: { code: error.code, codes: { \"301\": relogin } }")
    try await read(items, times: 30)
    #expect(logins.withLock { $0 } == 2)
  }

  @Test func `A token says where the application is, and a discovery call says whose`() async throws {
    let real = try ScriptedServer { request in
      guard request.header("Authorization") == "Bearer t", request.header("X-Tenant") == "tenant-7" else {
        return .json(401, "{}")
      }
      return request.target == "/data/items/1" ? .json(200, #"{"id":"1"}"#) : .json(404, "{}")
    }
    let login = try ScriptedServer { request in
      switch request.target {
      case "/token": .json(200, #"{"access_token":"t"}"#)
      case "/connections" where request.header("Authorization") == "Bearer t":
        .json(200, #"[{"tenantId":"tenant-7","api":"\#(real.url)"}]"#)
      default: .json(500, "{}")
      }
    }
    let items = try object(
      login,
      """
      oauth2:
        grant: password
        token: /token
        user: { name: user, password: password }
        discover: /connections
        address: 0.api
        address_suffix: /data
        values: { tenant: 0.tenantId }
      """, auth: ["user": "me", "password": "p"], rest: "headers: { X-Tenant: \"{tenant}\" }")
    #expect(try await items.records([RecordKey("1")]).count == 1)
  }

  @Test func `An assertion is signed with the private key, and says what it has to`() async throws {
    let key = try _RSA.Signing.PrivateKey(keySize: .bits2048)
    let server = try ScriptedServer { request in
      request.target == "/token" ? .json(200, #"{"access_token":"t"}"#) : .json(200, #"{"id":"1"}"#)
    }
    let items = try object(
      server,
      """
      oauth2:
        grant: jwt_bearer
        token: /token
        assertion: { issuer: "{client_id}", subject: "{user}", audience: "https://login.example", key: key }
      """, auth: ["client_id": "app", "user": "me@example.com", "key": key.pemRepresentation])
    try await read(items)
    let form = try #require(server.requests.first?.text)
    let assertion = try #require(form.components(separatedBy: "assertion=").last)
    let parts = assertion.split(separator: ".").map { part in
      var text = String(part).replacing("-", with: "+").replacing("_", with: "/")
      text += String(repeating: "=", count: (4 - text.count % 4) % 4)
      return Data(base64Encoded: text) ?? Data()
    }
    #expect(parts.count == 3)
    let claims = try JSONObject(parsing: Array(parts[1]))
    #expect(claims["iss"] == "app" && claims["sub"] == "me@example.com" && claims["aud"] == "https://login.example")
    let signed = Data(assertion.split(separator: ".")[0..<2].joined(separator: ".").utf8)
    #expect(
      key.publicKey.isValidSignature(
        .init(rawRepresentation: parts[2]), for: SHA256.hash(data: signed), padding: .insecurePKCS1v1_5))
  }

  @Test func `A request is signed over its method, path, time and body`() async throws {
    let server = try ScriptedServer { _ in .json(200, #"{"id":"1"}"#) }
    let items = try object(
      server,
      """
      - bearer: token
      - signature:
          secret: secret
          text: "{method}\\n{path}\\n{timestamp}\\n{body}"
          encoding: base64
          headers: { X-Time: "{timestamp}", X-Signature: "v1={signature}" }
      """.replacing("\\n", with: "|"), auth: ["token": "t", "secret": "k3y"])
    _ = await items.apply([
      Write(.update, key: RecordKey("7"), fields: ["n": 1], expected: nil, idempotencyKey: "k")
    ])
    let request = try #require(server.requests.first)
    let text = "PATCH|/items/7|\(request.header("X-Time") ?? "")|{\"n\":1}"
    let code = HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: SymmetricKey(data: Data("k3y".utf8)))
    #expect(request.header("X-Signature") == "v1=" + Data(code).base64EncodedString())
    #expect(request.header("Authorization") == "Bearer t")
  }

  @Test func `OAuth 1 signs the sorted parameters of the request`() async throws {
    let server = try ScriptedServer { _ in .json(200, #"{"items":[]}"#) }
    let items = try object(
      server, "oauth1: { consumer_key: ck, consumer_secret: cs, token: tk, token_secret: ts }",
      auth: ["ck": "key", "cs": "secret", "tk": "token", "ts": "token secret"])
    _ = try await items.chunk(from: nil, limit: 10)
    let request = try #require(server.requests.first)
    let header = try #require(request.header("Authorization"))
    let fields = Dictionary(
      header.dropFirst("OAuth ".count).split(separator: ", ").map { pair in
        let parts = pair.split(separator: "=", maxSplits: 1)
        return (String(parts[0]), parts[1].dropFirst().dropLast().removingPercentEncoding ?? "")
      }, uniquingKeysWith: { first, _ in first })
    // Made here from RFC 5849 by hand: the base string of a GET without a query.
    let parameters = ["oauth_consumer_key", "oauth_nonce", "oauth_signature_method", "oauth_timestamp", "oauth_token"]
      .map { "\($0)%3D\(fields[$0] ?? "")" }.joined(separator: "%26")
    let address = "\(server.url)/items".replacing(":", with: "%3A").replacing("/", with: "%2F")
    let code = HMAC<SHA256>.authenticationCode(
      for: Data("GET&\(address)&\(parameters)".utf8), using: SymmetricKey(data: Data("secret&token%20secret".utf8)))
    #expect(fields["oauth_signature"] == Data(code).base64EncodedString())
  }

  @Test func `No secret is told when a credential is missing or is no key`() async throws {
    let server = try ScriptedServer { _ in .json(200, #"{"access_token":"t"}"#) }
    let items = try object(
      server,
      """
      oauth2:
        grant: jwt_bearer
        token: /token
        assertion: { issuer: a, subject: b, audience: c, key: key }
      """, auth: ["key": "n0t-a-key"])
    await #expect { try await read(items) } throws: { !"\($0)".contains("n0t-a-key") && "\($0)".contains("'key'") }
  }
}

extension String {
  fileprivate func indentedLines(_ columns: Int) -> String {
    split(separator: "\n").map { String(repeating: " ", count: columns) + $0 }.joined(separator: "\n")
  }
}

/// An authorization server not written here (Glewlwyd), whose refresh tokens are good once and whose access tokens end after two
/// seconds: `TIDEMARK_TEST_GLEWLWYD` is its token endpoint, with client `tide`, secret `t1desecret`, user `user1`.
private let glewlwyd = ProcessInfo.processInfo.environment["TIDEMARK_TEST_GLEWLWYD"]

@Suite(.enabled(if: glewlwyd != nil)) struct GlewlwydTests {
  /// Takes any token while it is young, as a server that was told by Glewlwyd would.
  private func guarded(young: Duration) throws -> ScriptedServer {
    let seen = Mutex<[String: ContinuousClock.Instant]>([:])
    return try ScriptedServer { request in
      guard let token = request.header("Authorization"), token.hasPrefix("Bearer ey") else { return .json(401, "{}") }
      let isYoung = seen.withLock { seen in
        let first = seen[token] ?? .now
        seen[token] = first
        return first + young > .now
      }
      return isYoung ? .json(200, #"{"id":"1"}"#) : .json(401, "{}")
    }
  }

  private func object(
    _ grant: String, _ auth: [String: String], _ server: ScriptedServer, folder: String
  ) throws -> any RemoteObject {
    let manifest = try Manifest(
      text: """
        name: guarded
        settings: { token_url: "\(glewlwyd ?? "")" }
        authentication:
          oauth2: { grant: \(grant), token: "{token_url}", client: { id: id, secret: secret, in: basic }, scope: sync, \
        user: { name: user, password: password }, refresh_token: refresh }
        objects: { items: { list: { path: /items }, read: { path: "/items/{id}" } } }
        """, file: "guarded.yaml")
    let connector = try Connector(
      name: "app", manifest: manifest, url: server.url,
      auth: auth.merging(["id": "tide", "secret": "t1desecret"]) { $1 },
      folder: folder, client: HTTPClient())
    return try connector.object("items", pull: .every(.zero))
  }

  @Test
  func `Tokens that end every two seconds are renewed with refresh tokens that are good once, by several at a time`()
    async throws
  {
    let folder = ScratchFolder()
    let server = try guarded(young: .seconds(2))
    // The first refresh token comes with a password.
    var headers: HTTPHeaders = ["Content-Type": "application/x-www-form-urlencoded"]
    headers["Authorization"] = "Basic " + Data("tide:t1desecret".utf8).base64EncodedString()
    let answer = try await HTTPClient().send(
      HTTPRequest(
        "POST", try #require(glewlwyd), headers: headers,
        body: Array("grant_type=password&username=user1&password=userpw123&scope=sync".utf8)))
    let refresh = try #require(try JSONValue(parsing: answer.body).at("refresh_token")?.stringValue)
    let users = try (0..<3).map { _ in
      try object("refresh_token", ["refresh": refresh, "user": "-", "password": "-"], server, folder: folder.path)
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for user in users {
        group.addTask {
          for _ in 0..<20 {
            #expect(try await user.records([RecordKey("1")]).count == 1)
            try await Task.sleep(for: .milliseconds(250))
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(Set(server.requests.compactMap { $0.header("Authorization") }).count >= 3)
  }

  @Test(arguments: ["client_credentials", "password"]) func `A token is had by other grants`(_ grant: String)
    async throws
  {
    let server = try guarded(young: .seconds(60))
    let user = grant == "password" ? ["user": "user1", "password": "userpw123"] : ["user": "-", "password": "-"]
    let items = try object(grant, user, server, folder: "/nonexistent")
    #expect(try await items.records([RecordKey("1")]).count == 1)
  }
}
