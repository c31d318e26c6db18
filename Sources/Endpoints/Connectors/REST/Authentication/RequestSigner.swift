import Crypto
import HTTP

/// Signs single requests, each anew.
struct RequestSigner: Sendable {
  enum Kind: Sendable {
    case oauth1(OAuth1Rules)
    case template(SignatureRules)
  }

  let kind: Kind
  /// The credentials by name.
  let values: [String: String]

  /// The headers that sign the request.
  /// - Parameter body: as it will be sent.
  func headers(_ method: String, _ url: String, body: [UInt8]?) -> [(name: String, value: String)] {
    let moment = StampClock.wall() / 1_000_000
    let nonce = Hexadecimal.encoded((0..<16).map { _ in UInt8.random(in: 0...255) })
    switch kind {
    case .oauth1(let rules):
      return [("Authorization", authorization(rules, method, url, timestamp: String(moment), nonce: nonce))]
    case .template(let rules): return signed(rules, method, url, body, timestamp: String(moment), nonce: nonce)
    }
  }

  private func signed(
    _ rules: SignatureRules, _ method: String, _ url: String, _ body: [UInt8]?, timestamp: String, nonce: String
  ) -> [(name: String, value: String)] {
    let afterScheme = url.firstRange(of: "://")?.upperBound ?? url.startIndex
    let target = url[(url[afterScheme...].firstIndex(of: "/") ?? url.endIndex)...]
    let query = target.firstIndex(of: "?").map { String(target[target.index(after: $0)...]) } ?? ""
    var values = [
      "method": method, "path": String(target.prefix { $0 != "?" }), "query": query, "url": url,
      "timestamp": timestamp, "nonce": nonce, "body": String(decoding: body ?? [], as: UTF8.self),
    ]
    let code = rules.algorithm.code(
      of: Array(Template.text(rules.text, values).utf8), key: Array((self.values[rules.secret] ?? "").utf8))
    values["signature"] = rules.encoding.encoded(code)
    return rules.headers.map { ($0.name, Template.text($0.value, values)) }
  }

  /// RFC 5849, section 3, for a request whose parameters are all in its query.
  private func authorization(
    _ rules: OAuth1Rules, _ method: String, _ url: String, timestamp: String, nonce: String
  ) -> String {
    func value(_ name: String?) -> String { name.flatMap { values[$0] } ?? "" }
    var oauth = [
      ("oauth_consumer_key", value(rules.consumerKey)), ("oauth_nonce", nonce),
      ("oauth_signature_method", "HMAC-SHA256"), ("oauth_timestamp", timestamp),
    ]
    if rules.token != nil { oauth.append(("oauth_token", value(rules.token))) }
    let base = url.prefix { $0 != "?" }
    let query = url.dropFirst(base.count + 1).split(separator: "&").map { pair -> (String, String) in
      let name = pair.prefix { $0 != "=" }
      return (Template.decoded(name) ?? "", Template.decoded(pair.dropFirst(name.count + 1)) ?? "")
    }
    // Sorted by the encoded forms, as bytes.
    let pairs = (oauth + query).map { (Template.encoded($0.0), Template.encoded($0.1)) }
      .sorted { ($0.0, $0.1) < ($1.0, $1.1) }
    let text = [method, String(base), pairs.map { "\($0.0)=\($0.1)" }.joined(separator: "&")]
      .map(Template.encoded).joined(separator: "&")
    let key = Template.encoded(value(rules.consumerSecret)) + "&" + Template.encoded(value(rules.tokenSecret))
    let code = SignatureRules.Algorithm.sha256.code(of: Array(text.utf8), key: Array(key.utf8))
    oauth.append(("oauth_signature", Base64.encoded(code)))
    return "OAuth "
      + oauth.map { "\($0.0)=\"\(Template.encoded($0.1))\"" }.joined(separator: ", ")
  }
}

extension SignatureRules.Algorithm {
  /// The authentication code of a text (RFC 2104).
  func code(of text: [UInt8], key: [UInt8]) -> [UInt8] {
    let key = SymmetricKey(data: key)
    return switch self {
    case .sha1: Array(HMAC<Insecure.SHA1>.authenticationCode(for: text, using: key))
    case .sha256: Array(HMAC<SHA256>.authenticationCode(for: text, using: key))
    case .sha512: Array(HMAC<SHA512>.authenticationCode(for: text, using: key))
    }
  }
}

extension SignatureRules.Encoding {
  func encoded(_ bytes: [UInt8]) -> String {
    switch self {
    case .hex: Hexadecimal.encoded(bytes)
    case .base64: Base64.encoded(bytes)
    }
  }

  func decoded(_ text: String) -> [UInt8]? {
    switch self {
    case .hex: Hexadecimal.decoded(text)
    case .base64: Base64.decoded(text)
    }
  }
}
