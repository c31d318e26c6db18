import Changes
import HTTP
import JSON

/// What shows the application who is calling. Made once; printed never.
struct Identity: Sendable {
  let headers: [(name: String, value: String)]
  let query: [(name: String, value: String)]

  init(_ rules: RESTRules.Authentication, _ given: [String: String], connector: String) throws(Failure) {
    for name in rules.credentials where given[name]?.isEmpty ?? true {
      throw Failure(code: "connector.auth", message: "connector \(connector) needs `auth: { \(name): … }`")
    }
    if let unused = given.keys.sorted().first(where: { !rules.credentials.contains($0) }) {
      let used = rules.credentials.isEmpty ? "none" : rules.credentials.joined(separator: ", ")
      throw Failure(
        code: "connector.auth",
        message: "connector \(connector) has no use for the credential '\(unused)'; it uses \(used)")
    }
    func value(_ name: String) -> String { given[name] ?? "" }
    switch rules {
    case .none: (headers, query) = ([], [])
    case .bearer(let name): (headers, query) = ([("Authorization", "Bearer " + value(name))], [])
    case .basic(let username, let password):
      let pair = Base64.encoded(Array("\(value(username)):\(value(password))".utf8))
      (headers, query) = ([("Authorization", "Basic " + pair)], [])
    case .header(let header, let prefix, let name): (headers, query) = ([(header, prefix + value(name))], [])
    case .query(let parameter, let name): (headers, query) = ([], [(parameter, value(name))])
    }
  }
}

/// The application's API: sends single requests with the connector's address, headers and identity.
struct API: Sendable {
  let connector: String
  let address: ServerAddress
  let client: HTTPClient
  let gate: Gate
  let headers: [(name: String, value: String)]
  let identity: Identity

  /// The URL of a path below the base URL.
  func url(_ path: String, query: [(name: String, value: String)] = []) -> String {
    address.url + path + Template.query(query)
  }

  /// One request, once, when the connector has room for it.
  /// - Parameter url: made by `url(_:query:)`, or a next link of the same origin.
  func send(
    _ method: String, _ url: String, headers extra: [(name: String, value: String)] = [], body: JSONValue? = nil
  ) async throws(HTTPError) -> HTTPResponse {
    var fields = HTTPHeaders()
    fields["Accept"] = "application/json"
    if body != nil { fields["Content-Type"] = "application/json" }
    for (name, value) in headers + extra + identity.headers { fields[name] = value }
    let secret = Template.query(identity.query).dropFirst()
    let target = secret.isEmpty ? url : url + (url.contains("?") ? "&" : "?") + secret
    let request = HTTPRequest(method, target, headers: fields, body: body?.bytes)
    return try await gate.pass { () async throws(HTTPError) in try await client.send(request) }
  }

  /// A next link without the credentials that some servers repeat in it: links are kept in positions.
  func withoutIdentity(_ link: String) -> String {
    guard !identity.query.isEmpty, let mark = link.firstIndex(of: "?") else { return link }
    let names = Set(identity.query.map(\.name))
    let pairs = link[link.index(after: mark)...].split(separator: "&").filter { pair in
      !names.contains(Template.decoded(pair.prefix { $0 != "=" }) ?? "")
    }
    return String(link[..<mark]) + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&"))
  }
}
