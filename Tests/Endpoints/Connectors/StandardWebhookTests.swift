import Connectors
import Testing

@Suite struct StandardWebhookTests {
  // Made with Python's hmac module from the secret, id and time below.
  private let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
  private let id = "msg_p5jXN8AQM9LWM0D4loKWxJek"
  private let sent: Int64 = 1_614_265_330
  private let body = Array(#"{"test": 2432232314}"#.utf8)
  private let right = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

  private func verdict(
    id: String? = nil, sent: String? = nil, signature: String? = nil, body: [UInt8]? = nil, secret: String? = nil,
    now: Int64? = nil
  ) -> WebhookVerdict {
    verifyStandardWebhook(
      headers: [
        ("Webhook-Id", id ?? self.id), ("webhook-timestamp", sent ?? String(self.sent)),
        ("webhook-signature", signature ?? right),
      ], body: body ?? self.body, secret: secret ?? self.secret, now: now ?? self.sent)
  }

  private func isRefused(_ verdict: WebhookVerdict) -> Bool {
    if case .refused = verdict { true } else { false }
  }

  @Test func `The specification's own example is accepted`() {
    #expect(verdict() == .accepted(id: id))
    #expect(verdict(now: sent + 300) == .accepted(id: id))
    #expect(verdict(now: sent - 300) == .accepted(id: id))
  }

  @Test func `One right signature among several is enough`() {
    #expect(verdict(signature: "v1,AAAA v1a,zzz \(right)") == .accepted(id: id))
  }

  @Test func `An altered body, id, time or secret is refused`() {
    #expect(isRefused(verdict(body: body + [0x20])))
    #expect(isRefused(verdict(id: id + "x")))
    #expect(isRefused(verdict(sent: String(sent + 1))))
    #expect(isRefused(verdict(secret: "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")))
    #expect(isRefused(verdict(secret: "plain")))
  }

  @Test(arguments: ["", "v1,", "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "v1,****"])
  func `A signature of another kind is refused`(_ signature: String) {
    #expect(isRefused(verdict(signature: signature)))
  }

  @Test(arguments: ["", "-1", "99999999999999999999", "1614265330.5", "abc"])
  func `A timestamp that is no moment is refused`(_ sent: String) {
    #expect(isRefused(verdict(sent: sent)))
  }

  @Test func `A delivery from six minutes ago or from the future is refused`() {
    #expect(isRefused(verdict(now: sent + 360)))
    #expect(isRefused(verdict(now: sent - 360)))
  }

  @Test func `A repeated or missing header is refused`() {
    let twice = [
      ("webhook-id", id), ("webhook-id", id), ("webhook-timestamp", "\(sent)"), ("webhook-signature", right),
    ]
    #expect(isRefused(verifyStandardWebhook(headers: twice, body: body, secret: secret, now: sent)))
    #expect(isRefused(verifyStandardWebhook(headers: [], body: body, secret: secret, now: sent)))
  }
}
