import JSON
import YAML

extension AuthenticationRules {
  /// `none`, one kind, or a list of kinds that are all used at once.
  static func read(_ value: YAMLValue) -> [AuthenticationRules]? {
    if case .scalar("none", _) = value.node.content { return [] }
    if case .sequence = value.node.content {
      let all = value.list { AuthenticationRules($0) }
      if let all, all.count(where: \.isStateful) > 1 {
        value.report("manifest.authentication", "expected one of oauth2 and session, not both")
      }
      return all
    }
    return AuthenticationRules(value).map { [$0] }
  }

  private var isStateful: Bool {
    switch self {
    case .oauth2, .session: true
    default: false
    }
  }

  private init?(_ value: YAMLValue) {
    let read = value.mapping { reader -> AuthenticationRules? in
      let bearer = reader["bearer"]?.string().map { Self.bearer(credential: $0) }
      let basic = reader["basic"]?.mapping { basic -> Self? in
        let password = basic["password"]?.string()
        return basic.required("username")?.string().map { .basic(username: $0, password: password) }
      }
      let header = reader["header"]?.mapping { header -> Self? in
        let prefix = header["prefix"]?.string() ?? ""
        guard let name = header.required("name")?.string(), let value = header.required("value")?.string() else {
          return nil
        }
        return .header(name: name, prefix: prefix, credential: value)
      }
      let query = reader["query"]?.mapping { query -> Self? in
        guard let name = query.required("name")?.string(), let value = query.required("value")?.string() else {
          return nil
        }
        return .query(parameter: name, credential: value)
      }
      let oauth2 = reader["oauth2"]?.mapping { OAuth2Rules($0) }.map { Self.oauth2($0) }
      let session = reader["session"]?.mapping { SessionRules($0) }.map { Self.session($0) }
      let oauth1 = reader["oauth1"]?.mapping { OAuth1Rules($0) }.map { Self.oauth1($0) }
      let signature = reader["signature"]?.mapping { SignatureRules($0) }.map { Self.signature($0) }
      let known = ["bearer", "basic", "header", "query", "oauth2", "session", "oauth1", "signature"]
      if known.count(where: { reader[$0] != nil }) != 1 {
        reader.report("manifest.authentication", "expected one of \(known.joined(separator: ", "))")
      }
      return [bearer, basic, header, query, oauth2, session, oauth1, signature].compactMap { $0 }.first
    }
    guard let read else { return nil }
    self = read
  }
}

extension OAuth2Rules {
  fileprivate init?(_ reader: YAMLReader) {
    let grant = reader.required("grant")?.choice(Grant.self)
    let endpoint = reader.required("token")?.string()
    let authorize = reader["authorize"]?.string()
    let client = reader["client"]?.mapping { client -> (String?, String?, ClientPlace) in
      (client["id"]?.string(), client["secret"]?.string(), client["in"]?.choice(ClientPlace.self) ?? .body)
    }
    let user = reader["user"]?.mapping { ($0["name"]?.string(), $0["password"]?.string()) }
    let refresh = reader["refresh_token"]?.string()
    let scope = reader["scope"]?.string()
    let parameters = reader["parameters"]?.pairs() ?? []
    let assertion = reader["assertion"]?.mapping { Assertion($0) }
    let use = TokenUse(reader, source: .body(path: "access_token"), place: .header(name: "Authorization"))
    guard let grant, let endpoint, let use else { return nil }
    switch grant {
    case .clientCredentials: if client?.0 == nil { reader.report("manifest.oauth2", "this grant needs a client") }
    case .password: if user == nil { reader.report("manifest.oauth2", "this grant needs a user") }
    case .refreshToken: if refresh == nil { reader.report("manifest.oauth2", "this grant needs a refresh_token") }
    case .jwtBearer: if assertion == nil { reader.report("manifest.oauth2", "this grant needs an assertion") }
    }
    self.init(
      grant: grant, endpoint: endpoint, authorize: authorize, clientId: client?.0, clientSecret: client?.1,
      clientPlace: client?.2 ?? .body, username: user?.0, password: user?.1, refreshToken: refresh, scope: scope,
      parameters: parameters, assertion: assertion, use: use)
  }
}

extension OAuth2Rules.Assertion {
  /// What the strictest of them accept.
  private static let usualLifetime = Duration.seconds(180)

  fileprivate init?(_ reader: YAMLReader) {
    let algorithm = reader["algorithm"]?.choice(Algorithm.self) ?? .RS256
    let issuer = reader.required("issuer")?.string()
    let subject = reader.required("subject")?.string()
    let audience = reader.required("audience")?.string()
    let key = reader.required("key")?.string()
    let keyId = reader["key_id"]?.string()
    let lifetime = reader["lifetime"]?.duration(in: .seconds(10) ... .seconds(3600)) ?? Self.usualLifetime
    guard let issuer, let subject, let audience, let key else { return nil }
    self.init(
      algorithm: algorithm, issuer: issuer, subject: subject, audience: audience, key: key, keyId: keyId,
      lifetime: lifetime)
  }
}

extension SessionRules {
  fileprivate init?(_ reader: YAMLReader) {
    let login = reader.required("login")?.mapping { login -> SessionRules? in
      let method = login["method"].map { $0.choice(LoginMethod.self)?.rawValue } ?? "POST"
      let headers = login["headers"]?.pairs() ?? []
      let query = login["query"]?.pairs() ?? []
      let body = login["body"]?.json()
      let form = login["form"]?.json()
      if body != nil, form != nil { login.report("manifest.session", "expected one of body, form") }
      guard let path = login.required("path")?.string(), let method else { return nil }
      return SessionRules(
        method: method, path: path, headers: headers, query: query, body: body ?? form, isForm: form != nil,
        use: TokenUse(
          source: .none, place: .nowhere, value: "", keepsCookies: false, addressSuffix: "", values: []))
    }
    let use = TokenUse(reader, source: .none, place: .nowhere)
    guard var login, let use else { return nil }
    if use.source == .none, !use.keepsCookies {
      reader.report("manifest.session", "a session needs a token or cookies", hint: "add `token` or `cookies: true`")
    }
    login.use = use
    self = login
  }

  private enum LoginMethod: String, CaseIterable { case GET, POST, PUT }
}

extension TokenUse {
  /// The keys that say what becomes of a token, among others of the same mapping.
  fileprivate init?(_ reader: YAMLReader, source: Source, place: Place) {
    let at = reader["at"]?.mapping { at -> Source? in
      let body = at["body"]?.string().map { Source.body(path: $0) }
      let text = at["text"]?.bool() == true ? Source.body(path: "") : nil
      let header = at["header"]?.string().map { Source.header($0) }
      let given = [body, text, header].compactMap { $0 }
      if given.count != 1 { at.report("manifest.token", "expected one of body, header, text: true") }
      return given.first
    }
    let send = reader["send"]?.mapping { send -> (Place, String)? in
      let header = send["header"]?.string().map { Place.header(name: $0) }
      let query = send["query"]?.string().map { Place.query(parameter: $0) }
      let value = send["value"]?.string() ?? "{token}"
      let given = [header, query].compactMap { $0 }
      if given.count != 1 { send.report("manifest.token", "expected one of header, query") }
      return given.first.map { ($0, value) }
    }
    let cookies = reader["cookies"]?.bool() ?? false
    let lifetime = reader["lifetime"]?.duration(in: .seconds(10) ... .days(400))
    let discovery = reader["discover"]?.string()
    let values = reader["values"]?.pairs() ?? []
    let address = reader["address"]?.string()
    let suffix = reader["address_suffix"]?.string() ?? ""
    self.init(
      source: at ?? source, place: send?.0 ?? place, value: send?.1 ?? "Bearer {token}", keepsCookies: cookies,
      lifetime: lifetime, address: address, addressSuffix: suffix, values: values, discovery: discovery)
  }
}

extension OAuth1Rules {
  fileprivate init?(_ reader: YAMLReader) {
    let token = reader["token"]?.string()
    let tokenSecret = reader["token_secret"]?.string()
    guard let key = reader.required("consumer_key")?.string(), let secret = reader.required("consumer_secret")?.string()
    else { return nil }
    self.init(consumerKey: key, consumerSecret: secret, token: token, tokenSecret: tokenSecret)
  }
}

extension SignatureRules {
  fileprivate init?(_ reader: YAMLReader) {
    let algorithm = reader["algorithm"]?.choice(Algorithm.self) ?? .sha256
    let encoding = reader["encoding"]?.choice(Encoding.self) ?? .hex
    let headers = reader.required("headers")?.pairs() ?? []
    guard let secret = reader.required("secret")?.string(), let text = reader.required("text")?.string() else {
      return nil
    }
    self.init(algorithm: algorithm, encoding: encoding, secret: secret, text: text, headers: headers)
  }
}
