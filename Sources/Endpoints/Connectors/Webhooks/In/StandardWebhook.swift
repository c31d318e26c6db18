import Crypto

/// What became of a webhook's signature.
package enum WebhookVerdict: Hashable, Sendable {
  /// - Parameter id: the delivery's own id; a repeat of it is the same delivery.
  case accepted(id: String)
  /// For our log; the caller is told nothing but 401.
  case refused(String)
}

/// Checks a delivery by Standard Webhooks 1.0.0: an HMAC-SHA256 over `id.timestamp.body` of the bytes as they arrived.
///
/// Signatures are compared in constant time; of several (a secret being changed) one has to be right.
/// - Parameters:
///   - secret: `whsec_` and base64 of 24 to 64 bytes.
///   - now: seconds since 1970.
///   - tolerance: how far, in seconds, the timestamp may be from `now` either way.
package func verifyStandardWebhook(
  headers: [(name: String, value: String)], body: [UInt8], secret: String, now: Int64, tolerance: Int64 = 300
) -> WebhookVerdict {
  func header(_ name: String) -> String? {
    let values = headers.filter { $0.name.lowercased() == name }
    return values.count == 1 ? values.first?.value : nil
  }
  guard let id = header("webhook-id"), !id.isEmpty, let sent = header("webhook-timestamp"),
    let signatures = header("webhook-signature")
  else { return .refused("a header of webhook-id, webhook-timestamp, webhook-signature is missing or repeated") }
  guard !sent.isEmpty, sent.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let moment = Int64(sent),
    case let (distance, overflow) = moment.subtractingReportingOverflow(now), !overflow,
    distance.magnitude <= tolerance.magnitude
  else { return .refused("the timestamp is not within \(tolerance) seconds of now") }
  guard secret.hasPrefix("whsec_"), let key = Base64.decoded(secret.dropFirst(6)), (24...64).contains(key.count) else {
    return .refused("the configured secret is not whsec_ and base64 of 24 to 64 bytes")
  }
  let signed = Array("\(id).\(sent).".utf8) + body
  var isAuthentic = false
  for signature in signatures.split(separator: " ") where signature.hasPrefix("v1,") {
    guard let code = Base64.decoded(signature.dropFirst(3)) else { continue }
    if HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: signed, using: SymmetricKey(data: key)) {
      isAuthentic = true
    }
  }
  return isAuthentic ? .accepted(id: id) : .refused("no signature is right")
}
