import Changes
import HTTP
import JSON

/// Fetches tokens and logs in, as the manifest says. Every call is one request, or one and the discovery after it.
struct TokenSource: Sendable {
  enum Rules: Sendable {
    case oauth2(OAuth2Rules)
    case session(SessionRules)

    var use: TokenUse {
      switch self {
      case .oauth2(let rules): rules.use
      case .session(let rules): rules.use
      }
    }
  }

  let rules: Rules
  let address: ServerAddress
  let client: HTTPClient
  /// What is sent with every request of the connector, a login included.
  let identity: Identity
  /// The credentials and the settings, by name.
  let values: [String: String]
  /// Where refresh tokens are kept that were given out since the configuration was written; nil where there are none.
  let file: TokenFile?

  /// - Parameter refused: a token that the application did not accept; it is not to be given again.
  func fetch(insteadOf refused: String?) async -> Session.Answer {
    do {
      let response =
        switch rules {
        case .oauth2(let oauth2): try await token(oauth2, insteadOf: refused)
        case .session(let session): try await login(session)
        }
      guard (200..<300).contains(response.status) else { return .refused(Self.refusal(response)) }
      guard let grant = try await grant(from: response) else { return .refused(HTTPResponse(status: 401)) }
      return .granted(grant)
    } catch let error as HTTPError {
      return .failed(error)
    } catch {
      return .failed(HTTPError(.garbage, "the token could not be kept: \(error)"))
    }
  }

  /// A token endpoint that is in trouble is what the application is: in trouble. Any other refusal is one of the credentials.
  private static func refusal(_ response: HTTPResponse) -> HTTPResponse {
    guard response.status == 429 || response.status >= 500 else { return HTTPResponse(status: 401) }
    var answer = HTTPResponse(status: response.status)
    answer.headers["Retry-After"] = response.headers["Retry-After"]
    return answer
  }

  private func token(_ rules: OAuth2Rules, insteadOf refused: String?) async throws -> HTTPResponse {
    guard rules.grant == .refreshToken, let file else { return try await send(form(rules), rules) }
    return try await file.locked { kept in
      // Another process may have fetched it meanwhile.
      if let kept, kept.isFresh, refused == nil || kept.answer["access_token"]?.stringValue != refused {
        return (HTTPResponse(status: 200, body: kept.answer.bytes), nil)
      }
      let token = kept?.refreshToken ?? rules.refreshToken.flatMap { values[$0] } ?? ""
      let response = try await send([("grant_type", "refresh_token"), ("refresh_token", token)] + extras(rules), rules)
      guard (200..<300).contains(response.status), let answer = try? JSONObject(parsing: response.body) else {
        return (response, nil)
      }
      // An endpoint that gives out no new refresh token means that the old one stays good.
      let next = answer["refresh_token"]?.stringValue ?? token
      return (response, TokenFile.Kept(answer: answer, refreshToken: next, at: StampClock.wall() / 1_000_000))
    }
  }

  private func form(_ rules: OAuth2Rules) throws -> [(name: String, value: String)] {
    var form: [(name: String, value: String)]
    switch rules.grant {
    case .clientCredentials: form = [("grant_type", "client_credentials")]
    case .refreshToken:
      form = [("grant_type", "refresh_token"), ("refresh_token", rules.refreshToken.flatMap { values[$0] } ?? "")]
    case .password:
      form = [
        ("grant_type", "password"), ("username", rules.username.flatMap { values[$0] } ?? ""),
        ("password", rules.password.flatMap { values[$0] } ?? ""),
      ]
    case .jwtBearer:
      form = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")]
      if let assertion = rules.assertion { form.append(("assertion", try assertion.signed(with: values))) }
    }
    return form + extras(rules)
  }

  private func extras(_ rules: OAuth2Rules) -> [(name: String, value: String)] {
    (rules.scope.map { [("scope", Template.text($0, values))] } ?? [])
      + rules.parameters.map { ($0.name, Template.text($0.value, values)) }
  }

  private func send(_ form: [(name: String, value: String)], _ rules: OAuth2Rules) async throws(HTTPError)
    -> HTTPResponse
  {
    var form = form
    var headers: HTTPHeaders = ["Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"]
    let id = rules.clientId.flatMap { values[$0] } ?? ""
    let secret = rules.clientSecret.flatMap { values[$0] }
    switch rules.clientPlace {
    // RFC 6749, section 2.3.1: both are form-encoded before they are joined.
    case .basic:
      headers["Authorization"] = Identity.basic(Template.encoded(id), Template.encoded(secret ?? ""))
    case .body:
      if !id.isEmpty { form.append(("client_id", id)) }
      if let secret { form.append(("client_secret", secret)) }
    }
    return try await client.send(
      HTTPRequest(
        "POST", whole(rules.endpoint), headers: headers, body: Array(Template.query(form).dropFirst().utf8)))
  }

  private func login(_ rules: SessionRules) async throws(HTTPError) -> HTTPResponse {
    var headers = HTTPHeaders()
    headers["Accept"] = "application/json"
    for (name, value) in identity.headers { headers[name] = value }
    var body: [UInt8]?
    if let template = rules.body {
      let filled = template.filled(values.mapValues { .string($0) })
      headers["Content-Type"] = rules.isForm ? "application/x-www-form-urlencoded" : "application/json"
      body = rules.isForm ? FormBody.encoded(filled) : filled.bytes
    }
    for (name, value) in rules.headers { headers[name] = Template.text(value, values) }
    let query = identity.query + rules.query.map { ($0.name, Template.text($0.value, values)) }
    return try await client.send(
      HTTPRequest(rules.method, whole(rules.path) + Template.query(query), headers: headers, body: body))
  }

  /// A path below the application's address, or a whole URL, with its places filled.
  private func whole(_ template: String) -> String {
    let text = Template.text(template, values, encoding: { $0.contains("://") ? $0 : Template.encoded($0) })
    return text.hasPrefix("/") ? address.url + text : text
  }

  /// - Returns: nil if the answer holds no token.
  private func grant(from response: HTTPResponse) async throws(HTTPError) -> Grant? {
    let use = rules.use
    let body = try? JSONValue(parsing: response.body)
    var grant = Grant()
    var token = ""
    switch use.source {
    case .body(let path):
      let found = path.isEmpty ? Self.text(response.body, body) : body?.at(path)?.plainText
      guard let found, !found.isEmpty else { return nil }
      token = found
    case .header(let name):
      guard let found = response.headers[name], !found.isEmpty else { return nil }
      token = found
    case .none: break
    }
    grant.token = token
    let sent = Template.text(use.value, ["token": token])
    switch use.place {
    case .header(let name): grant.headers.append((name, sent))
    case .query(let parameter): grant.query.append((parameter, sent))
    case .nowhere: break
    }
    if use.keepsCookies, let cookies = Self.cookies(response) { grant.headers.append(("Cookie", cookies)) }
    let seconds = body?.at("expires_in").flatMap { Int64($0.plainText) }.map { Duration.seconds($0) }
    if let lifetime = seconds ?? use.lifetime {
      grant.expires = .now + lifetime
      grant.renew = .now + lifetime - min(.seconds(60), lifetime / 10)
    }
    try await locate(&grant, from: body)
    return grant
  }

  /// Takes the address and further values from the answer, or from the one to the discovery call.
  private func locate(_ grant: inout Grant, from body: JSONValue?) async throws(HTTPError) {
    let use = rules.use
    var body = body
    if let discovery = use.discovery {
      var headers: HTTPHeaders = ["Accept": "application/json"]
      for (name, value) in identity.headers + grant.headers { headers[name] = value }
      let response = try await client.send(HTTPRequest("GET", whole(discovery), headers: headers))
      guard (200..<300).contains(response.status), let answer = try? JSONValue(parsing: response.body) else {
        throw HTTPError(.garbage, "the discovery call after the login was answered with status \(response.status)")
      }
      body = answer
    }
    if let path = use.address {
      guard let text = body?.at(path)?.stringValue, let found = ServerAddress(text + use.addressSuffix) else {
        throw HTTPError(.garbage, "the answer to the login holds no address at '\(path)'")
      }
      grant.address = found
    }
    for (name, path) in use.values {
      guard let value = body?.at(path), !value.isNull else {
        throw HTTPError(.garbage, "the answer to the login holds nothing at '\(path)'")
      }
      grant.values[name] = value.plainText
    }
  }

  /// The text of a body, unwrapped where it is one JSON string. Blanks at its end are part of it.
  private static func text(_ body: [UInt8], _ json: JSONValue?) -> String? {
    json?.stringValue ?? String(validating: body, as: UTF8.self)
  }

  /// Name and value of each cookie; their scope is the connector's address anyway.
  private static func cookies(_ response: HTTPResponse) -> String? {
    let cookies = response.headers.values("Set-Cookie").map { $0.prefix { $0 != ";" } }
    return cookies.isEmpty ? nil : cookies.joined(separator: "; ")
  }
}
