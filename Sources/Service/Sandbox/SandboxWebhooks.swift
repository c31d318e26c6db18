import Crypto
import FoundationEssentials
import JSON
import Logging
import Synchronization

/// Sends one POST and answers with the status. Redirects are not followed.
package typealias WebhookSend =
  @Sendable (_ url: String, _ headers: [(name: String, value: String)], _ body: [UInt8]) async throws -> Int

/// Tells the registered listeners that something changed, signed as Standard Webhooks 1.0.0 says.
///
/// A webhook is a hint: the queue is bounded, an attempt fails for good after a few times, and a listener that
/// wants certainty lists the changes.
final class SandboxWebhooks: Sendable {
  struct Listener: Sendable, Hashable {
    let url: String
    /// The bytes behind `whsec_`.
    let key: [UInt8]
  }

  struct Delivery: Sendable {
    let listener: Listener
    let id: String
    let body: [UInt8]
  }

  static let queueLimit = 1_000
  static let attempts = 3

  private let listeners = Mutex<[Listener]>([])
  private let queue = AsyncStream.makeStream(of: Delivery.self, bufferingPolicy: .bufferingNewest(queueLimit))
  private let send: WebhookSend?
  private let logger: Logger

  init(send: WebhookSend?, logger: Logger) {
    self.send = send
    self.logger = logger
  }

  /// - Returns: false if the secret is not `whsec_` and base64, or the URL is none.
  func register(url: String, secret: String) -> Bool {
    guard secret.hasPrefix("whsec_"), let key = Data(base64Encoded: String(secret.dropFirst(6))), !key.isEmpty,
      url.hasPrefix("http://") || url.hasPrefix("https://")
    else { return false }
    listeners.withLock { listeners in
      listeners.removeAll { $0.url == url }
      listeners.append(Listener(url: url, key: Array(key)))
    }
    return true
  }

  var urls: [String] { listeners.withLock { $0.map(\.url) } }

  func removeAll() { listeners.withLock { $0 = [] } }

  /// Queues one message for every listener.
  func changed(_ entry: SandboxJournalEntry) {
    let event = ["POST": "created", "PATCH": "updated", "DELETE": "deleted"][entry.method] ?? "updated"
    let body: JSONValue = [
      "type": .string("\(entry.object).\(event)"), "object": .string(entry.object), "id": .string(entry.id),
    ]
    for listener in listeners.withLock({ $0 }) {
      queue.continuation.yield(Delivery(listener: listener, id: "msg_\(entry.sequence)", body: body.bytes))
    }
  }

  /// Delivers until its task is cancelled.
  func run() async {
    for await delivery in queue.stream { await deliver(delivery) }
  }

  func deliver(_ delivery: Delivery) async {
    guard let send else { return }
    for attempt in 1...Self.attempts {
      let seconds = Int64(Date().timeIntervalSince1970)
      let headers = Self.headers(id: delivery.id, seconds: seconds, body: delivery.body, key: delivery.listener.key)
      let status = try? await send(delivery.listener.url, headers, delivery.body)
      if let status, (200..<300).contains(status) { return }
      // 410: the listener wants no more (Standard Webhooks, "Deliverability and reliability").
      if status == 410 { return listeners.withLock { $0.removeAll { $0 == delivery.listener } } }
      logger.debug("A webhook was not taken", metadata: ["attempt": "\(attempt)", "status": "\(status ?? 0)"])
      if attempt < Self.attempts { try? await Task.sleep(for: .milliseconds(200 << attempt)) }
      if Task.isCancelled { return }
    }
  }

  /// - Parameter seconds: Unix time of the attempt.
  static func headers(id: String, seconds: Int64, body: [UInt8], key: [UInt8]) -> [(name: String, value: String)] {
    let signed = Array("\(id).\(seconds).".utf8) + body
    let code = HMAC<SHA256>.authenticationCode(for: signed, using: SymmetricKey(data: key))
    return [
      ("content-type", "application/json"), ("webhook-id", id), ("webhook-timestamp", String(seconds)),
      ("webhook-signature", "v1," + Data(code).base64EncodedString()),
    ]
  }
}
