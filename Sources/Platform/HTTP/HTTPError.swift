/// Why there is no answer. Never holds header values, bodies or the URL: they may carry secrets.
package struct HTTPError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Kind: String, Sendable {
    /// The request itself cannot be sent as it stands.
    case invalidRequest = "invalid-request"
    /// The host's name has no address.
    case resolve
    /// No connection: refused, unreachable.
    case connect
    /// The TLS handshake failed, or the certificate is not trusted.
    case tls
    /// The time was over; see `mayHaveBeenApplied` for whether the request was on its way.
    case timeout
    /// The connection broke.
    case reset
    /// The answer is larger than the client's limits.
    case tooLarge = "too-large"
    /// The answer is not HTTP.
    case garbage
    case cancelled
  }

  package let kind: Kind
  package let message: String
  /// False: no byte of the request left this machine, so it certainly had no effect.
  /// True: it was sent at least in part, so it may have taken effect although the answer is lost.
  package let mayHaveBeenApplied: Bool

  package init(_ kind: Kind, _ message: String, mayHaveBeenApplied: Bool = false) {
    self.kind = kind
    self.message = message
    self.mayHaveBeenApplied = mayHaveBeenApplied
  }

  package var description: String { message }
}
