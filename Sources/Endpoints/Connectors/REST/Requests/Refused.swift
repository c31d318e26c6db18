import Changes
import HTTP

/// An answer to a read that is no success.
struct Refused: Error, CustomStringConvertible {
  let status: Int
  let meaning: ErrorRules.Class
  let failure: Failure
  /// What `Retry-After` asks for, in full: a server that says an hour means an hour.
  let retryAfter: Duration?

  init(_ response: HTTPResponse, _ meaning: ErrorRules.Class, code: String?, at place: String) {
    status = response.status
    self.meaning = meaning
    failure = Failure(status: response.status, meaning, code: code, at: place)
    retryAfter = response.retryAfter
  }

  /// An answer of a server whose statuses mean what they usually do.
  init(_ response: HTTPResponse, at place: String) {
    self.init(
      response, ErrorRules().classify(response, repeatable: true) ?? .permanent, code: nil, at: place)
  }

  var description: String { failure.description }
}

extension Failure {
  /// - Parameters:
  ///   - code: the application's own word for it.
  ///   - place: what was being done, without ids and values.
  init(status: Int, _ meaning: ErrorRules.Class, code: String?, at place: String) {
    let advice =
      switch (meaning, status) {
      case (_, 300..<400): "redirects are not followed; check the connector's url"
      case (.relogin, _), (_, 401), (_, 403):
        "the credentials were refused; check the connector's auth and what the account may do"
      case (.throttle, _): "the application asks for fewer requests; they are held back"
      case (.gone, _): "there is no such resource"
      case (.conflict, _): "the record changed in between"
      case (.retry, _), (.unavailable, _), (.ambiguous, _): "the application is in trouble; it is tried again"
      case (.permanent, _): "the application refused it; see its own log for the reason"
      }
    let said = code.map { " (\($0))" } ?? ""
    self.init(code: "http.\(status)", message: "\(place): status \(status)\(said): \(advice)")
  }

  /// Of a server whose statuses mean what they usually do.
  init(status: Int, at place: String) {
    let meaning = ErrorRules().classify(HTTPResponse(status: status), repeatable: true)
    self.init(status: status, meaning ?? .permanent, code: nil, at: place)
  }

  init(_ error: HTTPError, at place: String) {
    self.init(code: "http.\(error.kind.rawValue)", message: "\(place): \(error.message)")
  }
}

extension HTTPError {
  /// What a read that got no answer throws: nothing is known of the record, so nothing is said of it.
  func asRead(at place: String) -> any Error {
    let failure = Failure(self, at: place)
    switch kind {
    case .invalidRequest, .tooLarge: return failure
    case .cancelled: return CancellationError()
    case .resolve, .connect, .tls, .timeout, .reset, .garbage: return EndUnavailable(failure)
    }
  }
}

/// About thirty years: what a server may ask for at most, so that no clock overflows.
private let longestRetryAfter = Duration.seconds(1_000_000_000)

extension HTTPResponse {
  /// Both forms of RFC 9110, section 10.2.3, measured from now; a moment in the past is no delay.
  var retryAfter: Duration? {
    guard let text = headers["Retry-After"] else { return nil }
    // Some write fractions of a second.
    if let seconds = Double(text), seconds >= 0 { return min(.seconds(seconds), longestRetryAfter) }
    guard let moment = TimeText.httpDate(text) else { return nil }
    return min(.microseconds(max(0, moment.microseconds - StampClock.wall())), longestRetryAfter)
  }
}
