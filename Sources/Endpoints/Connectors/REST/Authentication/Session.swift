import HTTP
import JSON

/// What a token or a login adds to requests.
struct Grant: Sendable {
  /// Tells one grant from the one before it.
  var serial = 0
  /// The token itself; empty for a session of cookies.
  var token = ""
  var headers: [(name: String, value: String)] = []
  var query: [(name: String, value: String)] = []
  /// Where the application is, if the answer said so.
  var address: ServerAddress?
  /// Values of the answer by the manifest's names for them.
  var values: [String: String] = [:]
  /// When it ends; nil: nobody said.
  var expires: ContinuousClock.Instant?
  /// When a new one is to be fetched, before the old one ends.
  var renew: ContinuousClock.Instant?
}

/// The one token or session that all requests of a connector share: fetched once for all who need it, renewed before it
/// ends, and once more when the application does not accept it.
actor Session {
  enum Answer: Sendable {
    case granted(Grant)
    /// The application's answer to who asked for the token, for whoever needed it: 401 where the credentials were refused.
    case refused(HTTPResponse)
    case failed(HTTPError)
  }

  /// After a refusal nobody asks again for a while: a hundred waiting changes are no reason for a hundred logins.
  private static let longestRefusal = Duration.seconds(5)

  private let fetch: @Sendable (_ refused: String?) async -> Answer
  private var current: Grant?
  private var renewal: Task<Answer, Never>?
  private var refusal: (answer: Answer, until: ContinuousClock.Instant)?
  private var lastSerial = 0

  /// - Parameter fetch: gets another token. It is told the one that the application did not accept, if that is why.
  init(fetch: @escaping @Sendable (_ refused: String?) async -> Answer) { self.fetch = fetch }

  /// The grant to use now.
  /// - Parameter stale: the serial of a grant that the application did not accept.
  func grant(insteadOf stale: Int? = nil) async -> Answer {
    let now = ContinuousClock.now
    if let current, current.serial != stale {
      guard let renew = current.renew, renew <= now else { return .granted(current) }
    }
    if let refusal, refusal.until > now { return usable(stale) ?? refusal.answer }
    let task = renewal ?? Task { await renewed(isRefused: stale != nil && stale == current?.serial) }
    renewal = task
    let answer = await task.value
    if case .granted = answer { return answer }
    return usable(stale) ?? answer
  }

  /// What is there still, where a new one could not be fetched in good time.
  private func usable(_ stale: Int?) -> Answer? {
    guard let current, current.serial != stale, let expires = current.expires, expires > .now else { return nil }
    return .granted(current)
  }

  private func renewed(isRefused: Bool) async -> Answer {
    defer { renewal = nil }
    let answer = await fetch(isRefused ? current?.token : nil)
    guard case .granted(var grant) = answer else {
      refusal = (answer, .now + Self.longestRefusal)
      return answer
    }
    refusal = nil
    lastSerial += 1
    grant.serial = lastSerial
    current = grant
    return .granted(grant)
  }
}
