import Changes
import HTTP

/// Sends signed requests to one receiver, as many at once as it may have.
struct WebhookSender: Sendable {
  let address: ServerAddress
  let client: HTTPClient
  let gate: Gate
  let signer: WebhookSigner

  /// Standard Webhooks: a receiver that takes longer has failed.
  private static let patience = Duration.seconds(20)

  /// What became of one request.
  enum Answer {
    case taken
    /// Not taken; the same may be taken later.
    case retry(Failure, after: Duration?)
    /// The receiver takes nothing for now.
    case unavailable(Failure, after: Duration?)
    /// It never will take this one.
    case refused(Failure)
  }

  func send(_ events: [WebhookEvent], _ rules: WebhookRules, of endpoint: EndpointName) async -> Answer {
    let body = WebhookEvent.body(events, rules, of: endpoint)
    var headers = HTTPHeaders()
    headers["Content-Type"] = rules.contentType
    let now = Timestamp.now.microseconds / 1_000_000
    for (name, value) in signer.headers(id: WebhookEvent.id(events), timestamp: now, body: body) {
      headers[name] = value
    }
    let request = HTTPRequest("POST", address.url + rules.path, headers: headers, body: body, timeout: Self.patience)
    let place = "sending to \(endpoint)"
    do {
      let response = try await gate.pass { () async throws(HTTPError) in try await client.send(request) }
      return Self.answer(response, place)
    } catch {
      let failure = Failure(error, at: place)
      switch error.kind {
      case .invalidRequest: return .refused(failure)
      // Whether it was taken or not: the receiver knows a repetition by its id.
      case .timeout, .reset, .garbage, .tooLarge: return .retry(failure, after: nil)
      case .resolve, .connect, .tls, .cancelled: return .unavailable(failure, after: nil)
      }
    }
  }

  private static func answer(_ response: HTTPResponse, _ place: String) -> Answer {
    let failure = Failure(status: response.status, at: place)
    switch response.status {
    case 200..<300: return .taken
    case 410:
      let gone = Failure(
        code: "http.410", message: "\(place): the receiver says that it is gone for good; take the link out")
      return .unavailable(gone, after: response.retryAfter)
    case 300..<400, 401, 403, 404, 405, 407, 408, 429, 502, 503, 504:
      return .unavailable(failure, after: response.retryAfter)
    case 500...: return .retry(failure, after: response.retryAfter)
    default: return .refused(failure)
    }
  }
}
