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
  let status: @Sendable () async throws -> StatusReport
  let webhook: WebhookJudge

  func respond(to request: Request) async -> Response {
    let path = request.uri.path.split(separator: "/").map(String.init)
    if path.first == "webhooks", path.count == 2 { return await receive(request, connector: path[1]) }
    guard request.method == .get || request.method == .head else {
      return Self.problem(.methodNotAllowed, "Only GET is known here.", [.allow: "GET, HEAD"])
    }
    let response = await answer(request, path)
    return request.method == .head ? response.createHeadResponse() : response
  }

  private func answer(_ request: Request, _ path: [String]) async -> Response {
    if path == ["healthz"] { return Self.response("ok\n", "text/plain; charset=utf-8") }
    guard requestGuard.isOurHost(request) || requestGuard.token != nil else {
      return Self.problem(
        .misdirectedRequest,
        "This server is not known by that name. Ask for it by the address in `http.listen`, or set `http.token`.")
    }
    guard requestGuard.isAuthorized(request) else {
      return Self.problem(.unauthorized, "A bearer token is needed.", [.wwwAuthenticate: "Basic realm=\"tidemark\""])
    }
    switch path {
    case ["metrics"]: return Self.response(telemetry.exposition(), Telemetry.expositionType)
    case ["readyz"]: return await withReport(readiness)
    case ["api", "v1", "status"]: return await withReport { Self.response($0.json.text, "application/json") }
    case []: return await withReport(page)
    default: return Self.problem(.notFound, "Known are /, /metrics, /healthz, /readyz and /api/v1/status.")
    }
  }

  /// A webhook proves itself by its signature, not by a token. A refusal does not say why (Standard Webhooks 1.0.0).
  private func receive(_ request: Request, connector: String) async -> Response {
    guard request.method == .post else {
      return Self.problem(.methodNotAllowed, "A webhook is a POST.", [.allow: "POST"])
    }
    guard !requestGuard.isCrossOrigin(request) else {
      return Self.problem(.forbidden, "Requests from pages of other origins are refused.")
    }
    guard let body = try? await request.body.collect(upTo: Self.longestBody) else {
      return Self.problem(.contentTooLarge, "A webhook has at most 1 MiB.", [.connection: "close"])
    }
    let headers = request.headers.map { (name: $0.name.canonicalName, value: $0.value) }
    switch await webhook(connector, headers, Array(body.readableBytesView)) {
    case .accepted: return Response(status: .noContent)
    case .queued: return Response(status: .accepted)
    case .refused: return Self.problem(.unauthorized, "The webhook was refused.")
    case .unknownConnector: return Self.problem(.notFound, "No connector of that name takes webhooks.")
    case .unavailable: return Self.problem(.serviceUnavailable, "Try again.", [.retryAfter: "30"])
    }
  }

  private func withReport(_ answer: (StatusReport) -> Response) async -> Response {
    do {
      return answer(try await status())
    } catch {
      logger.error("The status could not be read", metadata: ["error": "\(error)"])
      return Self.problem(.serviceUnavailable, "The status could not be read; the service's output says why.")
    }
  }

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
    ]
    return Self.response(body.text, "application/json", status: isReady ? .ok : .serviceUnavailable)
  }

  private func page(_ report: StatusReport) -> Response {
    let nonce =
      String(UInt64.random(in: .min ... .max), radix: 36) + String(UInt64.random(in: .min ... .max), radix: 36)
    var response = Self.response(StatusPage(report: report, nonce: nonce).html.text, "text/html; charset=utf-8")
    response.headers[.contentSecurityPolicy] =
      "default-src 'none'; style-src 'nonce-\(nonce)'; script-src 'nonce-\(nonce)'; connect-src 'self'; "
      + "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return response
  }

  /// RFC 9457.
  private static func problem(
    _ status: HTTPResponse.Status, _ detail: String, _ headers: HTTPFields = [:]
  ) -> Response {
    let body: JSONValue = [
      "type": "about:blank", "title": .string(status.reasonPhrase), "status": .integer(status.code),
      "detail": .string(detail),
    ]
    return response(body.text, "application/problem+json", status: status, headers)
  }

  private static func response(
    _ body: String, _ type: String, status: HTTPResponse.Status = .ok, _ extra: HTTPFields = [:]
  ) -> Response {
    var headers = extra
    headers[.contentType] = type
    headers[.cacheControl] = "no-store"
    headers[.xContentTypeOptions] = "nosniff"
    return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(string: body)))
  }
}
