import Changes
import HTTP

/// An answer to a read that is not a 2xx.
struct Refused: Error, CustomStringConvertible {
  let status: Int
  let failure: Failure
  /// What `Retry-After` asks for, in full: a server that says an hour means an hour.
  let retryAfter: Duration?

  init(_ response: HTTPResponse, at place: String) {
    status = response.status
    failure = Failure(status: response.status, at: place)
    retryAfter = response.retryAfter
  }

  var description: String { failure.description }
}

extension Failure {
  /// - Parameter place: what was being done, without ids and values.
  init(status: Int, at place: String) {
    let advice =
      switch status {
      case 300..<400: "redirects are not followed; check the connector's url"
      case 401, 403: "the credentials were refused; check the connector's auth and what the account may do"
      case 404, 410: "there is no such resource"
      case 408, 500..<600: "the application is in trouble; it is tried again"
      case 409, 412: "the record changed in between"
      case 429: "the application asks for fewer requests; they are held back"
      default: "the application refused it; see its own log for the reason"
      }
    self.init(code: "http.\(status)", message: "\(place): status \(status): \(advice)")
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
    if let seconds = Int64(text), seconds >= 0 { return min(.seconds(seconds), longestRetryAfter) }
    guard let moment = TimeText.httpDate(text) else { return nil }
    return min(.microseconds(max(0, moment.microseconds - StampClock.wall())), longestRetryAfter)
  }
}
