import Connectors
import Crypto
import Foundation
import HTTP
import JSON
import Testing

/// Webhooks as applications sign them, judged by what manifests say.
@Suite struct WebhookTests {
  private let now: Int64 = 1_795_000_000

  private func connector(_ webhook: String) throws -> Connector {
    let text =
      "name: hooked\nobjects: { items: { list: { path: /items } } }\nwebhook:\n"
      + webhook.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n")
    return try Connector(
      name: "app", manifest: try Manifest(text: text, file: "hooked.yaml"), url: "http://127.0.0.1", auth: [:],
      client: HTTPClient())
  }

  private func code(_ text: String, key: String = "s3cret") -> Data {
    Data(HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: SymmetricKey(data: Data(key.utf8))))
  }

  private func delivery(
    _ body: String = "{}", method: String = "POST", query: [(String, String)] = [], _ headers: (String, String)...
  ) -> WebhookDelivery {
    WebhookDelivery(
      method: method, query: query.map { (name: $0.0, value: $0.1) },
      headers: headers.map { (name: $0.0, value: $0.1) },
      body: Array(body.utf8), now: now)
  }

  private func isRefused(_ meaning: WebhookMeaning?) -> Bool {
    if case .refused? = meaning { true } else { false }
  }

  @Test func `A code over the raw body is right or wrong, and tells which object changed`() throws {
    let connector = try connector(
      """
      signature: { header: X-Hmac, encoding: base64, prefix: "sha256=" }
      id: { header: X-Id }
      object: { header: X-Topic }
      objects: { customers/update: customers }
      """)
    let body = #"{"id": 1, "name": "{timestamp}"}"#
    let right = "sha256=" + code(body).base64EncodedString()
    func meaning(_ body: String, _ signature: String, id: String, secret: String = "s3cret") -> WebhookMeaning? {
      connector.meaning(
        of: delivery(body, ("x-hmac", signature), ("x-id", id), ("x-topic", "customers/update")), secret: secret)
    }
    #expect(meaning(body, right, id: "1") == .hint(object: "customers"))
    // The same delivery again.
    #expect(meaning(body, right, id: "1") == .nothing)
    #expect(meaning(body, right, id: "2") == .hint(object: "customers"))
    #expect(isRefused(meaning(body + " ", right, id: "3")))
    #expect(isRefused(meaning(body, right, id: "3", secret: "other")))
    #expect(isRefused(meaning(body, String(right.dropFirst(7)), id: "3")))
    #expect(isRefused(connector.meaning(of: delivery(body), secret: "s3cret")))
    // Refused ones are not remembered.
    #expect(meaning(body, right, id: "3") == .hint(object: "customers"))
  }

  @Test func `A code over time and body, one of several, is taken while it is young`() throws {
    let connector = try connector(
      """
      signature: { header: Stripe-Signature, parts: { timestamp: t, signature: v1 }, text: "{timestamp}.{body}" }
      id: id
      """)
    func meaning(_ sent: String, _ body: String = #"{"id":"evt_1"}"#) -> WebhookMeaning? {
      let hex = code("\(sent).\(body)").map { String(format: "%02x", $0) }.joined()
      let header = "t=\(sent),v1=\(String(repeating: "00", count: 32)),v1=\(hex),v0=ff"
      return connector.meaning(of: delivery(body, ("stripe-signature", header)), secret: "s3cret")
    }
    #expect(meaning("\(now)") == .hint(object: nil))
    #expect(meaning("\(now - 300)") == .nothing)
    #expect(meaning("\(now + 299)", #"{"id":"evt_2"}"#) == .hint(object: nil))
    for sent in ["\(now - 301)", "\(now + 301)", "-1", "x", "", "99999999999999999999"] {
      #expect(isRefused(meaning(sent)))
    }
  }

  @Test func `A shared secret is compared, wherever it is`() throws {
    for (place, delivery) in [
      ("{ header: X-Key }", delivery("{}", ("x-key", "s3cret"))),
      ("{ query: code }", delivery("{}", query: [("code", "s3cret")])),
      ("value.0.clientState", delivery(#"{"value":[{"clientState":"s3cret"}]}"#)),
    ] {
      let connector = try connector("token: \(place)")
      #expect(connector.meaning(of: delivery, secret: "s3cret") == .hint(object: nil))
      #expect(isRefused(connector.meaning(of: delivery, secret: "s3cre")))
      #expect(isRefused(connector.meaning(of: self.delivery("{}"), secret: "s3cret")))
    }
  }

  @Test func `A handshake is answered as the application wants to hear it, and repeats no markup`() throws {
    let echo = try connector("token: { query: code }\nhandshake: { query: validationToken }")
    #expect(
      echo.meaning(of: delivery("", query: [("validationToken", "a b&c")]), secret: "s")
        == .handshake(contentType: "text/plain; charset=utf-8", body: "a b&c"))
    #expect(isRefused(echo.meaning(of: delivery("", query: [("validationToken", "<script>")]), secret: "s")))
    let challenge = try connector(
      "token: { query: code }\nhandshake: { header: X-B1-Webhook-Token, answer: { Challenge: \"{challenge}\" } }")
    #expect(
      challenge.meaning(of: delivery("", method: "GET", ("x-b1-webhook-token", "t")), secret: "s")
        == .handshake(contentType: "application/json", body: #"{"Challenge":"t"}"#))
    #expect(isRefused(challenge.meaning(of: delivery("", method: "GET"), secret: "s")))
  }

  @Test func `An application without webhooks takes none`() throws {
    let connector = try Connector(
      name: "k", manifest: try Manifest.named("kinto"), url: "http://127.0.0.1",
      auth: ["username": "u", "password": "p"],
      client: HTTPClient())
    #expect(connector.meaning(of: delivery(), secret: "s") == nil)
  }
}
