import Changes
import Hummingbird
package import JSON
package import Log

/// `/api/v1/…`: all that the page shows and does, for programs.
package struct API: Sendable {
  let status: @Sendable () async throws -> StatusReport
  let log: ChangeLog
  /// The story of one record; nil for a link that is not there.
  let story: @Sendable (_ link: String, _ key: String) async throws -> JSONValue?

  /// Whether values of rows may be shown: only where whoever asks has shown a token.
  var showsValues = false

  package init(
    log: ChangeLog, status: @escaping @Sendable () async throws -> StatusReport,
    story: @escaping @Sendable (_ link: String, _ key: String) async throws -> JSONValue?
  ) {
    self.log = log
    self.status = status
    self.story = story
  }

  /// Longer bodies are refused before they are read.
  static let longestBody = 65_536

  var routes: [Route] { looking + letters + conflicts + acting }

  /// - Parameter path: below `/api/v1/`.
  func respond(to request: Request, _ path: [String], mayAct: (Request) -> Response?) async -> Response {
    let matching = routes.filter { $0.parameters(of: path) != nil }
    guard !matching.isEmpty else {
      return Answer.problem(.notFound, "There is no such address; /api/v1/openapi.json lists those there are.")
    }
    let wanted = request.method == .head ? .get : request.method
    guard let route = matching.first(where: { $0.method == wanted }), let parameters = route.parameters(of: path)
    else {
      let allowed = matching.map(\.method.rawValue).joined(separator: ", ")
      return Answer.problem(.methodNotAllowed, "Allowed here: \(allowed).", [.allow: allowed])
    }
    if route.method != .get, let refused = mayAct(request) { return refused }
    do {
      let body = route.method == .get ? [:] : try await Self.body(of: request)
      var query: [String: String] = [:]
      for (name, value) in request.uri.queryParameters { query[String(name)] = String(value) }
      return try await route.answer(.init(parameters: parameters, query: query, body: body))
    } catch let failure as Failure {
      return Answer.problem(Self.status(of: failure), failure.message, code: failure.code)
    } catch {
      return Answer.problem(.serviceUnavailable, "\(error)")
    }
  }

  private static func body(of request: Request) async throws -> JSONObject {
    guard let buffer = try? await request.body.collect(upTo: longestBody) else {
      throw Failure(code: "api.body", message: "a body has at most \(longestBody) bytes")
    }
    let bytes = Array(buffer.readableBytesView)
    guard !bytes.isEmpty else { return [:] }
    guard let object = try? JSONObject(parsing: bytes) else {
      throw Failure(code: "api.body", message: "the body is no JSON object")
    }
    return object
  }

  private static func status(of failure: Failure) -> HTTPResponse.Status {
    switch failure.code {
    case "api.parameter", "api.body": .badRequest
    case "letter.unknown", "link.unknown", "backfill.unknown", "request.unknown", "conflict.unknown": .notFound
    case let code where code.hasPrefix("backfill.") || code.hasPrefix("letter."): .conflict
    default: .internalServerError
    }
  }
}
