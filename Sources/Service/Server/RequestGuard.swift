import FoundationEssentials
import HTTPTypes
import Hummingbird

/// Who may ask. Loopback is not a wall: any page a browser shows can send requests to it.
struct RequestGuard: Sendable {
  /// What every request must carry; nil: nothing.
  let token: String?
  /// Names besides loopback's under which the server may be addressed, in lower case.
  let hostNames: Set<String>

  /// As the header `Authorization: Bearer`, or as the password of `Basic`, which is how a browser can ask for it.
  func isAuthorized(_ request: Request) -> Bool {
    guard let token else { return true }
    let parts = (request.headers[.authorization] ?? "").split(separator: " ", maxSplits: 1)
    guard parts.count == 2 else { return false }
    switch parts[0].lowercased() {
    case "bearer": return Self.equal(String(parts[1]), token)
    case "basic":
      let decoded = Data(base64Encoded: String(parts[1])).map { String(decoding: $0, as: UTF8.self) } ?? ""
      guard let colon = decoded.firstIndex(of: ":") else { return false }
      return Self.equal(String(decoded[decoded.index(after: colon)...]), token)
    default: return false
    }
  }

  /// A page of a strange domain whose name was made to point here (DNS rebinding) still sends its own name as host.
  func isOurHost(_ request: Request) -> Bool {
    guard let authority = request.head.authority else { return false }
    return isOurs(authority)
  }

  /// A request that a page of another origin made a browser send. Programs send no `Origin`.
  func isCrossOrigin(_ request: Request) -> Bool {
    guard let origin = request.headers[.origin] else { return false }
    guard let authority = origin.split(separator: "/").last, origin.contains("://") else { return true }
    return authority.lowercased() != request.head.authority?.lowercased()
  }

  /// Why a request may not change anything; nil if it may. That it is authorized has been looked at.
  ///
  /// A program shows the token as `Bearer`, which no browser sends by itself. A browser that was told the token as a password
  /// sends it with whatever any page makes it send here: then the request has to come from our own page, by its `Origin`,
  /// under a name of ours, and with a header that only a script of the same origin can set.
  func refusal(toAct request: Request) -> Response? {
    guard token != nil else {
      return Answer.problem(.forbidden, "Actions need a token: set `http.token`, for example to ${env:TIDEMARK_TOKEN}.")
    }
    guard !isCrossOrigin(request) else {
      return Answer.problem(.forbidden, "Requests from pages of other origins are refused.")
    }
    if request.headers[.authorization]?.lowercased().hasPrefix("bearer ") == true { return nil }
    guard isOurHost(request), request.headers[.origin] != nil, request.headers[Self.pageHeader] != nil else {
      return Answer.problem(.forbidden, "Only the status page itself acts for a browser; programs send a Bearer token.")
    }
    return nil
  }

  /// A cross-origin request with such a header is asked about first, and nobody here allows it.
  static let pageHeader = HTTPField.Name(written: "X-Tidemark")

  private func isOurs(_ authority: String) -> Bool {
    let name = Self.host(authority).lowercased()
    return ["localhost", "127.0.0.1", "::1"].contains(name) || hostNames.contains(name)
  }

  /// The host of `host:port`, of `[v6]:port`, or of a host alone.
  static func host(_ authority: String) -> String {
    if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
      return String(authority[authority.index(after: authority.startIndex)..<end])
    }
    return String(authority.split(separator: ":", omittingEmptySubsequences: false).first ?? "")
  }

  /// Takes as long for a wrong token as for the right one, so that time tells nothing about where it differs.
  static func equal(_ given: String, _ token: String) -> Bool {
    let (given, token) = (Array(given.utf8), Array(token.utf8))
    var difference = given.count ^ token.count
    for index in token.indices { difference |= Int(token[index] ^ (index < given.count ? given[index] : 0)) }
    return difference == 0
  }
}
