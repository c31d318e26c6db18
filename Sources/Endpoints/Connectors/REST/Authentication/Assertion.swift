import Changes
import Crypto
import CryptoExtras
import JSON

extension OAuth2Rules.Assertion {
  /// A JSON Web Token (RFC 7515, compact form) with the claims of RFC 7523, made now.
  /// - Throws: `Failure` for a private key that is none. It names the credential, never the key.
  func signed(with values: [String: String]) throws(Failure) -> String {
    let now = StampClock.wall() / 1_000_000
    var header: JSONObject = ["alg": .string(algorithm.rawValue), "typ": "JWT"]
    if let keyId { header["kid"] = .string(Template.text(keyId, values)) }
    let claims: JSONObject = [
      "iss": .string(Template.text(issuer, values)), "sub": .string(Template.text(subject, values)),
      "aud": .string(Template.text(audience, values)), "iat": .integer(now),
      "exp": .integer(now + lifetime.components.seconds),
      // An assertion is good once where the server minds.
      "jti": .string(Hexadecimal.encoded((0..<16).map { _ in UInt8.random(in: 0...255) })),
    ]
    let text = Base64.urlEncoded(header.bytes) + "." + Base64.urlEncoded(claims.bytes)
    return text + "." + Base64.urlEncoded(try signature(of: Array(text.utf8), key: values[key] ?? ""))
  }

  private func signature(of text: [UInt8], key pem: String) throws(Failure) -> [UInt8] {
    do {
      switch algorithm {
      case .RS256:
        let key = try _RSA.Signing.PrivateKey(pemRepresentation: pem)
        return Array(try key.signature(for: SHA256.hash(data: text), padding: .insecurePKCS1v1_5).rawRepresentation)
      case .ES256:
        return Array(try P256.Signing.PrivateKey(pemRepresentation: pem).signature(for: text).rawRepresentation)
      }
    } catch {
      throw Failure(
        code: "connector.private-key",
        message: "the credential '\(key)' is no private key in PEM for \(algorithm.rawValue)")
    }
  }
}
