import Crypto
import JSON
import Synchronization

/// A webhook as it arrived.
package struct WebhookDelivery: Sendable {
  package var method: String
  package var query: [(name: String, value: String)]
  package var headers: [(name: String, value: String)]
  package var body: [UInt8]
  /// Seconds since 1970.
  package var now: Int64

  package init(
    method: String, query: [(name: String, value: String)] = [], headers: [(name: String, value: String)],
    body: [UInt8], now: Int64
  ) {
    self.method = method
    self.query = query
    self.headers = headers
    self.body = body
    self.now = now
  }
}

/// What a webhook turned out to be.
package enum WebhookMeaning: Sendable, Hashable {
  /// Something changed at this object; nil: at any.
  case hint(object: String?)
  /// What was said before, or concerns nothing.
  case nothing
  /// The application wants to hear this.
  case handshake(contentType: String, body: String)
  /// For our log; the caller is told nothing but 401.
  case refused(String)
}

/// Judges what arrives for one connector, and remembers what arrived lately.
final class WebhookReceiver: Sendable {
  private let rules: ReceiverRules
  private let recent = Mutex(Recent())

  /// Deliveries are repeated within days; a repetition that is not known any more is only a needless look.
  private struct Recent {
    static let most = 5000
    var known: Set<String> = []
    var order: [String] = []

    mutating func isNew(_ id: String) -> Bool {
      guard known.insert(id).inserted else { return false }
      order.append(id)
      if order.count > Self.most {
        for old in order.prefix(Self.most / 2) { known.remove(old) }
        order.removeFirst(Self.most / 2)
      }
      return true
    }
  }

  /// A challenge is a word: what is longer, or has markup in it, is not for us to repeat.
  private static let longestChallenge = 2048

  init(_ rules: ReceiverRules) { self.rules = rules }

  func meaning(of delivery: WebhookDelivery, secret: String) -> WebhookMeaning {
    if let answer = handshake(delivery) { return answer }
    guard delivery.method == "POST" else { return .refused("it is no POST") }
    var id = rules.id.flatMap { delivery.value(at: $0) }
    switch rules.scheme {
    case .standard:
      let verdict = verifyStandardWebhook(
        headers: delivery.headers, body: delivery.body, secret: secret, now: delivery.now)
      guard case .accepted(let own) = verdict else {
        if case .refused(let reason) = verdict { return .refused(reason) }
        return .refused("it is not signed")
      }
      id = own
    case .signature(let signature):
      if let reason = signature.refusal(of: delivery, secret: secret) { return .refused(reason) }
    case .token(let place):
      guard let token = delivery.value(at: place), isEqual(token, secret) else { return .refused("the token is wrong") }
    }
    if let id, !recent.withLock({ $0.isNew(id) }) { return .nothing }
    let name = rules.object.flatMap { delivery.value(at: $0) }
    return .hint(object: name.map { rules.objects[$0] ?? $0 })
  }

  private func handshake(_ delivery: WebhookDelivery) -> WebhookMeaning? {
    guard let handshake = rules.handshake, let challenge = delivery.value(at: handshake.place),
      !challenge.isEmpty, challenge.utf8.count <= Self.longestChallenge,
      challenge.utf8.allSatisfy({ (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "<") })
    else { return nil }
    let answer = handshake.answer.filled(["challenge": .string(challenge)])
    return answer.stringValue.map { .handshake(contentType: "text/plain; charset=utf-8", body: $0) }
      ?? .handshake(contentType: "application/json", body: answer.text)
  }
}

/// In a time that tells nothing about where they differ.
private func isEqual(_ a: String, _ b: String) -> Bool {
  // The codes of two texts under a key that nobody knows are equal only if the texts are.
  let key = SymmetricKey(size: .bits256)
  let code = HMAC<SHA256>.authenticationCode(for: Array(a.utf8), using: key)
  return HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: Array(b.utf8), using: key)
}

extension WebhookDelivery {
  /// Nil where it is missing, or is there more than once in the headers.
  func value(at place: ReceiverRules.Place) -> String? {
    switch place {
    case .header(let name):
      let values = headers.filter { $0.name.lowercased() == name.lowercased() }
      return values.count == 1 ? values.first?.value : nil
    case .query(let name): return query.first { $0.name == name }?.value
    case .body(let path): return (try? JSONValue(parsing: body))?.at(path).flatMap { $0.isNull ? nil : $0.plainText }
    }
  }
}

extension ReceiverRules.Signature {
  /// Why a delivery is not taken; nil: its signature is right.
  func refusal(of delivery: WebhookDelivery, secret: String) -> String? {
    guard let header = delivery.value(at: .header(header)) else { return "the signature is missing or repeated" }
    var (codes, sent) = ([header], timestamp?.header.flatMap { delivery.value(at: .header($0)) })
    if let parts {
      let pairs = header.split(separator: ",").map { $0.split(separator: "=", maxSplits: 1) }.filter { $0.count == 2 }
      func values(_ name: String) -> [String] {
        pairs.filter { $0[0].trimmingBlanks == name }.map { String($0[1].trimmingBlanks) }
      }
      codes = values(parts.signature)
      sent = values(parts.timestamp).first
    }
    if let timestamp, let reason = timestamp.refusal(of: sent, now: delivery.now) { return reason }
    let texts = [
      "body": String(decoding: delivery.body, as: UTF8.self), "timestamp": sent ?? "", "method": delivery.method,
    ]
    // One pass: a body that looks like a place for another text stays as it is.
    let text = Array(Template.text(text, texts).utf8)
    guard let key = isEncodedSecret ? Base64.decoded(secret) : Array(secret.utf8), !key.isEmpty else {
      return "the configured secret is not base64"
    }
    let right = codes.contains { code in
      guard code.hasPrefix(prefix), let bytes = encoding.decoded(String(code.dropFirst(prefix.count))) else {
        return false
      }
      return algorithm.isRight(bytes, for: text, key: key)
    }
    return right ? nil : "no signature is right"
  }
}

extension ReceiverRules.Timestamp {
  fileprivate func refusal(of sent: String?, now: Int64) -> String? {
    guard let sent, sent.utf8.count <= 16, let number = Int64(sent) else { return "it does not say when it was sent" }
    let distance = abs((isMilliseconds ? number / 1000 : number) - now)
    return distance <= tolerance.components.seconds ? nil : "it was not sent within \(tolerance) of now"
  }
}

extension SignatureRules.Algorithm {
  /// Compares in constant time.
  fileprivate func isRight(_ code: [UInt8], for text: [UInt8], key: [UInt8]) -> Bool {
    let key = SymmetricKey(data: key)
    return switch self {
    case .sha1: HMAC<Insecure.SHA1>.isValidAuthenticationCode(code, authenticating: text, using: key)
    case .sha256: HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: text, using: key)
    case .sha512: HMAC<SHA512>.isValidAuthenticationCode(code, authenticating: text, using: key)
    }
  }
}

extension Substring {
  fileprivate var trimmingBlanks: Substring {
    var result = drop { $0 == " " }
    while result.last == " " { result = result.dropLast() }
    return result
  }
}
