import Crypto

/// Signs deliveries by Standard Webhooks 1.0.0: an HMAC-SHA256 over `id.timestamp.body` of the bytes as they are sent.
struct WebhookSigner: Sendable {
  private let keys: [SymmetricKey]

  /// - Parameter secrets: each `whsec_` and base64 of 24 to 64 bytes; while a secret is changed, the new one and the old.
  ///   Nil if one is anything else.
  init?(_ secrets: [String]) {
    var keys: [SymmetricKey] = []
    for secret in secrets {
      guard secret.hasPrefix("whsec_"), let key = Base64.decoded(secret.dropFirst(6)), (24...64).contains(key.count)
      else { return nil }
      keys.append(SymmetricKey(data: key))
    }
    self.keys = keys
  }

  /// The headers of one delivery.
  /// - Parameters:
  ///   - id: the same for every repetition of it.
  ///   - timestamp: seconds since 1970, now.
  func headers(id: String, timestamp: Int64, body: [UInt8]) -> [(name: String, value: String)] {
    let signed = Array("\(id).\(timestamp).".utf8) + body
    let signatures = keys.map { key in
      "v1," + Base64.encoded(Array(HMAC<SHA256>.authenticationCode(for: signed, using: key)))
    }
    return [
      ("webhook-id", id), ("webhook-timestamp", String(timestamp)),
      ("webhook-signature", signatures.joined(separator: " ")),
    ]
  }
}
