import Changes
import HTTP
import JSON

/// One request to be sent with the connector's address, headers and identity.
struct APIRequest: Sendable {
  var method: String
  /// Made by `API.url(_:query:)`, or a next link of the same origin.
  var url: String
  var headers: [(name: String, value: String)] = []
  var body: RequestBody?
}

/// What a request carries, and how that is written.
struct RequestBody: Sendable {
  enum Encoding: String, Sendable, CaseIterable {
    case json
    case form
    /// JSON as RFC 7396 names it.
    case mergePatch = "merge_patch"

    var contentType: String {
      switch self {
      case .json: "application/json"
      case .form: "application/x-www-form-urlencoded"
      case .mergePatch: "application/merge-patch+json"
      }
    }
  }

  var value: JSONValue
  var encoding: Encoding

  var bytes: [UInt8] { encoding == .form ? FormBody.encoded(value) : value.bytes }
}

/// The application's API: sends single requests.
struct API: Sendable {
  let connector: String
  let address: ServerAddress
  let client: HTTPClient
  let gate: Gate
  /// Sent with every request; templates.
  let headers: [(name: String, value: String)]
  let identity: Identity
  /// Nil where no token and no login is needed.
  let session: Session?
  let signer: RequestSigner?
  let errors: ErrorRules
  /// The manifest's settings by name, as the connector gives them.
  let settings: [String: String]
  /// Parameters of a session in a query: they are taken out of links that are kept.
  let sessionParameter: String?

  init(
    connector: String, address: ServerAddress, client: HTTPClient, gate: Gate,
    headers: [(name: String, value: String)] = [], identity: Identity, session: Session? = nil,
    signer: RequestSigner? = nil, errors: ErrorRules = ErrorRules(), settings: [String: String] = [:],
    sessionParameter: String? = nil
  ) {
    self.connector = connector
    self.address = address
    self.client = client
    self.gate = gate
    self.headers = headers
    self.identity = identity
    self.session = session
    self.signer = signer
    self.errors = errors
    self.settings = settings
    self.sessionParameter = sessionParameter
  }

  /// The URL of a path below the base URL.
  func url(_ path: String, query: [(name: String, value: String)] = []) -> String {
    address.url + path + Template.query(query)
  }

  /// One request, once, when the connector has room for it; and once more with a new token if that is what the answer
  /// asks for, since then nothing was done.
  func send(_ request: APIRequest) async throws(HTTPError) -> HTTPResponse {
    guard let session else { return try await exchange(request, Grant()) }
    switch await session.grant() {
    case .refused(let answer): return answer
    // Nothing of this request was sent, whatever became of the other.
    case .failed(let error): throw HTTPError(.connect, "no token could be had: \(error.message)")
    case .granted(let grant):
      let response = try await exchange(request, grant)
      guard errors.classify(response, repeatable: true) == .relogin,
        case .granted(let renewed) = await session.grant(insteadOf: grant.serial)
      else { return response }
      return try await exchange(request, renewed)
    }
  }

  private func exchange(_ request: APIRequest, _ grant: Grant) async throws(HTTPError) -> HTTPResponse {
    let body = request.body?.bytes
    var fields = HTTPHeaders()
    fields["Accept"] = "application/json"
    if let body = request.body { fields["Content-Type"] = body.encoding.contentType }
    let values = settings.merging(grant.values) { $1 }
    for (name, value) in headers { fields[name] = Template.text(value, values) }
    for (name, value) in request.headers + identity.headers + grant.headers { fields[name] = value }
    let secret = Template.query(identity.query + grant.query).dropFirst()
    var target = located(request.url, grant)
    if !secret.isEmpty { target += (target.contains("?") ? "&" : "?") + secret }
    if let signer {
      for (name, value) in signer.headers(request.method, target, body: body) { fields[name] = value }
    }
    let sent = HTTPRequest(request.method, target, headers: fields, body: body)
    return try await gate.pass(isThrottled: { errors.classify($0, repeatable: true) == .throttle }) {
      () async throws(HTTPError) in try await client.send(sent)
    }
  }

  /// The URL where the application really is, if a login told.
  private func located(_ url: String, _ grant: Grant) -> String {
    var url = url
    if let real = grant.address, url.hasPrefix(address.url) { url = real.url + url.dropFirst(address.url.count) }
    return grant.values.isEmpty ? url : Template.text(url, grant.values, encoding: Template.encoded)
  }

  /// The absolute URL of a link found in the answer to the page at `url`, without the credentials that some servers
  /// repeat in it: links are kept in positions.
  /// - Throws: `Failure` if it leads elsewhere.
  func resolve(_ link: String, from url: String) async throws(Failure) -> String {
    var base = address
    var page = url
    if let session, case .granted(let grant) = await session.grant(), let real = grant.address {
      base = real
      page = located(url, grant)
    }
    return withoutIdentity(try base.resolve(link, from: page))
  }

  private func withoutIdentity(_ link: String) -> String {
    let names = Set(identity.query.map(\.name) + [sessionParameter].compactMap { $0 })
    guard !names.isEmpty, let mark = link.firstIndex(of: "?") else { return link }
    let pairs = link[link.index(after: mark)...].split(separator: "&").filter { pair in
      !names.contains(Template.decoded(pair.prefix { $0 != "=" }) ?? "")
    }
    return String(link[..<mark]) + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&"))
  }

  /// What a read got: the answer to a success.
  /// - Throws: `Refused` for an answer that is none, or what `HTTPError.asRead` says.
  func read(_ request: APIRequest, at place: String) async throws -> HTTPResponse {
    let response: HTTPResponse
    do { response = try await send(request) } catch { throw error.asRead(at: place) }
    if let meaning = errors.classify(response, repeatable: true) {
      throw Refused(response, meaning, code: errors.code(in: response), at: place)
    }
    return response
  }
}
