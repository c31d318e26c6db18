import JSON

/// One way in which a caller shows who it is. The plain names in here are those of credentials, whose values are the
/// configuration's; templates may name credentials and the manifest's settings.
enum AuthenticationRules: Sendable {
  case bearer(credential: String)
  case basic(username: String, password: String?)
  case header(name: String, prefix: String, credential: String)
  case query(parameter: String, credential: String)
  case oauth2(OAuth2Rules)
  case session(SessionRules)
  case oauth1(OAuth1Rules)
  case signature(SignatureRules)

  /// The credentials a configuration has to give.
  /// - Parameter settings: what templates may name besides.
  func credentials(besides settings: Set<String>) -> [String] {
    switch self {
    case .bearer(let credential), .header(_, _, let credential), .query(_, let credential): [credential]
    case .basic(let username, let password): [username] + (password.map { [$0] } ?? [])
    case .oauth2(let rules): rules.credentials(besides: settings)
    case .session(let rules): rules.credentials(besides: settings)
    case .oauth1(let rules):
      [rules.consumerKey, rules.consumerSecret] + [rules.token, rules.tokenSecret].compactMap { $0 }
    case .signature(let rules): [rules.secret]
    }
  }
}

/// A token from an OAuth 2 token endpoint.
struct OAuth2Rules: Sendable {
  enum Grant: String, Sendable, CaseIterable {
    case clientCredentials = "client_credentials"
    case refreshToken = "refresh_token"
    case password
    case jwtBearer = "jwt_bearer"
  }

  /// How the client shows who it is to the token endpoint.
  enum ClientPlace: String, Sendable, CaseIterable { case body, basic }

  /// The claims of an assertion (RFC 7523) are templates.
  struct Assertion: Sendable {
    enum Algorithm: String, Sendable, CaseIterable { case RS256, ES256 }
    var algorithm: Algorithm
    var issuer: String
    var subject: String
    var audience: String
    /// The credential that holds the private key, in PEM.
    var key: String
    var keyId: String?
    var lifetime: Duration
  }

  var grant: Grant
  /// The token endpoint: a path below the application's address, or a whole URL.
  var endpoint: String
  /// Where a person lets the connector in; a whole URL.
  var authorize: String?
  var clientId: String?
  var clientSecret: String?
  var clientPlace: ClientPlace
  var username: String?
  var password: String?
  /// The credential with the first refresh token; what is used after it is kept in a file.
  var refreshToken: String?
  var scope: String?
  /// Sent to the token endpoint as well.
  var parameters: [(name: String, value: String)]
  var assertion: Assertion?
  var use: TokenUse

  func credentials(besides settings: Set<String>) -> [String] {
    var names = [clientId, clientSecret, username, password, assertion?.key].compactMap { $0 }
    if grant == .refreshToken { names += [refreshToken].compactMap { $0 } }
    let claims = assertion.map { [$0.issuer, $0.subject, $0.audience, $0.keyId ?? ""] } ?? []
    for template in claims + [scope ?? "", endpoint] + parameters.map(\.value) {
      names += Template.names(in: template).filter { !settings.contains($0) }
    }
    return names.uniqued
  }
}

/// A session from a call that logs in.
struct SessionRules: Sendable {
  var method: String
  var path: String
  var headers: [(name: String, value: String)]
  var query: [(name: String, value: String)]
  var body: JSONValue?
  /// Send the body as a form instead of JSON.
  var isForm: Bool
  var use: TokenUse

  func credentials(besides settings: Set<String>) -> [String] {
    let templates = headers.map(\.value) + query.map(\.value) + (body?.strings ?? [])
    return templates.flatMap { Template.names(in: $0) }.filter { !settings.contains($0) }.uniqued
  }
}

/// Where the token is in an answer, how it is sent on, and what else the answer tells.
struct TokenUse: Sendable {
  enum Source: Sendable, Hashable {
    /// Path in a JSON body; empty: the whole body as text.
    case body(path: String)
    case header(String)
    /// There is none: the cookies are all.
    case none
  }
  enum Place: Sendable, Hashable {
    case header(name: String)
    case query(parameter: String)
    case nowhere
  }

  var source: Source
  var place: Place
  /// What is sent, with `{token}` for the token.
  var value: String
  /// Whether cookies that the answer set are sent on.
  var keepsCookies: Bool
  /// How long the token is good for where the answer does not say.
  var lifetime: Duration?
  /// Path in the answer to the address that all other requests go to.
  var address: String?
  /// What is put behind that address.
  var addressSuffix: String
  /// Names for values of the answer, usable in headers and paths.
  var values: [(name: String, value: String)]
  /// A call made with the token, whose answer tells address and values instead.
  var discovery: String?
}

/// Requests signed as RFC 5849 says, with HMAC-SHA256.
struct OAuth1Rules: Sendable {
  var consumerKey: String
  var consumerSecret: String
  var token: String?
  var tokenSecret: String?
}

/// Requests signed over a text.
struct SignatureRules: Sendable {
  enum Algorithm: String, Sendable, CaseIterable {
    case sha1 = "hmac-sha1"
    case sha256 = "hmac-sha256"
    case sha512 = "hmac-sha512"
  }
  enum Encoding: String, Sendable, CaseIterable { case hex, base64 }

  var algorithm: Algorithm
  var encoding: Encoding
  /// The credential that is the key.
  var secret: String
  /// What is signed, with `{method}`, `{path}`, `{query}`, `{url}`, `{body}`, `{timestamp}`, `{nonce}` in it.
  var text: String
  /// Headers to send, with `{signature}` and the names above.
  var headers: [(name: String, value: String)]
}

extension Sequence where Element: Hashable {
  /// Each element once, where it first occurs.
  var uniqued: [Element] {
    var seen: Set<Element> = []
    return filter { seen.insert($0).inserted }
  }
}

extension JSONValue {
  /// Every string in it.
  var strings: [String] {
    switch self {
    case .string(let text): [text]
    case .array(let elements): elements.flatMap(\.strings)
    case .object(let object): object.members.flatMap { $0.value.strings }
    case .null, .bool, .number: []
    }
  }

  /// The value with every place in its strings filled. A string that is nothing but a place becomes the value itself, so
  /// that a number stays one.
  func filled(_ values: [String: JSONValue]) -> JSONValue {
    switch self {
    case .string(let text):
      if text.hasPrefix("{"), text.hasSuffix("}"), let whole = values[String(text.dropFirst().dropLast())] {
        return whole
      }
      if text.hasPrefix("{"), text.hasSuffix("|list}"), let whole = values[String(text.dropFirst().dropLast(6))] {
        let parts = whole.plainText.split(separator: ",").map { $0.filter { $0 != " " } }
        return .array(parts.map { .string($0) })
      }
      return .string(Template.text(text, values.mapValues(\.plainText)))
    case .array(let elements): return .array(elements.map { $0.filled(values) })
    case .object(let object): return .object(JSONObject(object.members.map { ($0.name, $0.value.filled(values)) }))
    case .null, .bool, .number: return self
    }
  }
}
