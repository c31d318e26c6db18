import Hummingbird
import JSON
import Logging
import Telemetry

/// What the addresses of the server answer. Needs no socket.
struct StatusResponder: Sendable {
  static let longestBody = 1 << 20

  let requestGuard: RequestGuard
  let telemetry: Telemetry
  let logger: Logger
  let api: API
  let webhook: WebhookJudge

  func respond(to request: Request) async -> Response {
    let path = request.uri.path.split(separator: "/").map(String.init)
    if path.first == "webhooks", path.count == 2 { return await receive(request, connector: path[1]) }
    let isOfAPI = path.starts(with: ["api", "v1"])
    guard isOfAPI || request.method == .get || request.method == .head else {
      return Answer.problem(.methodNotAllowed, "Only GET is known here.", code: nil, [.allow: "GET, HEAD"])
    }
    let response = await answer(request, path)
    return request.method == .head ? response.createHeadResponse() : response
  }

  private func answer(_ request: Request, _ path: [String]) async -> Response {
    if path == ["healthz"] { return Answer.body("ok\n", "text/plain; charset=utf-8") }
    guard requestGuard.isOurHost(request) || requestGuard.token != nil else {
      return Answer.problem(
        .misdirectedRequest,
        "This server is not known by that name. Ask for it by the address in `http.listen`, or set `http.token`.")
    }
    guard requestGuard.isAuthorized(request) else {
      return Answer.problem(
        .unauthorized, "A bearer token is needed.", code: nil, [.wwwAuthenticate: "Basic realm=\"tidemark\""])
    }
    switch path {
    case ["metrics"]: return Answer.body(telemetry.exposition(), Telemetry.expositionType)
    case ["readyz"]: return await withReport(readiness)
    case ["events"]:
      return Events.response { [api, canAct] in
        StatusPage(report: try await api.status(), nonce: "", canAct: canAct).main.text
      }
    case ["api", "v1", "events"] where request.method == .get:
      return Events.response { [api] in try await api.status().json.text }
    case []: return await withReport(page)
    case let path where path.starts(with: ["api", "v1"]):
      return await api.respond(to: request, Array(path.dropFirst(2))) { requestGuard.refusal(toAct: $0) }
    default: return Answer.problem(.notFound, "Known are /, /metrics, /healthz, /readyz and /api/v1/openapi.json.")
    }
  }

  /// A webhook proves itself by its signature, not by a token. A refusal does not say why (Standard Webhooks 1.0.0).
  private func receive(_ request: Request, connector: String) async -> Response {
    // A GET is how some applications ask whether the address is ours.
    guard request.method == .post || request.method == .get else { return Self.notPosted }
    guard !requestGuard.isCrossOrigin(request) else {
      return Answer.problem(.forbidden, "Requests from pages of other origins are refused.")
    }
    guard let body = try? await request.body.collect(upTo: Self.longestBody) else {
      return Answer.problem(.contentTooLarge, "A webhook has at most 1 MiB.", code: nil, [.connection: "close"])
    }
    let headers = request.headers.map { (name: $0.name.canonicalName, value: $0.value) }
    let query = request.uri.queryParameters.map { (name: String($0.key), value: String($0.value)) }
    let call = WebhookCall(
      connector: connector, method: request.method.rawValue, query: query, headers: headers,
      body: Array(body.readableBytesView))
    let answer = await webhook(call)
    if case .handshake(let contentType, let body) = answer { return Answer.body(body, contentType) }
    guard request.method == .post else { return Self.notPosted }
    switch answer {
    case .accepted: return Response(status: .noContent)
    case .queued, .handshake: return Response(status: .accepted)
    case .refused: return Answer.problem(.unauthorized, "The webhook was refused.")
    case .unknownConnector: return Answer.problem(.notFound, "No connector of that name takes webhooks.")
    case .unavailable: return Answer.problem(.serviceUnavailable, "Try again.", code: nil, [.retryAfter: "30"])
    }
  }

  private static var notPosted: Response {
    Answer.problem(.methodNotAllowed, "A webhook is a POST.", code: nil, [.allow: "POST"])
  }

  private func withReport(_ answer: (StatusReport) -> Response) async -> Response {
    do {
      return answer(try await api.status())
    } catch {
      logger.error("The status could not be read", metadata: ["error": "\(error)"])
      return Answer.problem(.serviceUnavailable, "The status could not be read; the service's output says why.")
    }
  }

  /// Without a token nobody may act.
  private var canAct: Bool { requestGuard.token != nil }

  /// Not ready while something starts or stands still.
  private func readiness(_ report: StatusReport) -> Response {
    let stalls = telemetry.stalls
    let isReady = stalls.isEmpty && report.state != .starting && report.state != .stopped
    let reasons = stalls.map { stall -> JSONValue in
      [
        "stage": .string(stall.stage.rawValue), "name": .string(stall.name), "reason": .string(stall.reason.rawValue),
        "detail": .optional(stall.detail), "advice": .string(stall.reason.advice),
      ]
    }
    let body: JSONValue = [
      "ready": .bool(isReady), "state": .string(report.state.rawValue), "reasons": .array(reasons),
      "links": .array(
        report.links.map { link in
          var health = report.health(of: link).json.objectValue ?? [:]
          health["name"] = .string(link.name)
          return .object(health)
        }),
    ]
    return Answer.body(body.text, "application/json", status: isReady ? .ok : .serviceUnavailable)
  }

  private func page(_ report: StatusReport) -> Response {
    let nonce =
      String(UInt64.random(in: .min ... .max), radix: 36) + String(UInt64.random(in: .min ... .max), radix: 36)
    var response = Answer.body(
      StatusPage(report: report, nonce: nonce, canAct: canAct).html.text, "text/html; charset=utf-8")
    response.headers[.contentSecurityPolicy] =
      "default-src 'none'; style-src 'nonce-\(nonce)'; script-src 'nonce-\(nonce)'; connect-src 'self'; "
      + "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return response
  }
}
