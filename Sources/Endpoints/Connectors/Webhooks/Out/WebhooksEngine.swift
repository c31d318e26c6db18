import Changes
import HTTP
import YAML

/// The engine of receivers of webhooks: every change of a linked table is sent to them, signed.
struct WebhooksEngine: Engine {
  static let name = "webhooks"
  private let url: String?
  private let objects: [(name: String, value: WebhookRules)]

  init?(_ manifest: YAMLReader) {
    url = manifest["url"]?.string()
    objects = manifest["objects"]?.named { _, value in value.mapping { WebhookRules($0) } } ?? []
  }

  /// The connector's own `objects` come beside the manifest's, or in their place. Without any, each name is one.
  func open(_ connection: Connection, _ settings: YAMLReader) throws(Failure) -> any Application {
    let own = settings["objects"]?.named { _, value in value.mapping { WebhookRules($0) } } ?? []
    guard let url = connection.url ?? url, let address = ServerAddress(url) else {
      throw Failure(
        code: "connector.url",
        message:
          "connector \(connection.name) needs a `url`: an absolute http or https URL without user, query and fragment")
    }
    return WebhooksApplication(
      rules: Dictionary((objects + own).map { ($0.name, $0.value) }) { _, last in last },
      sender: WebhookSender(
        address: address, client: connection.client, gate: Gate(limit: Self.concurrency),
        signer: try Self.signer(connection)))
  }

  /// Enough to hide the latency of a distant receiver.
  private static let concurrency = 8

  private static func signer(_ connection: Connection) throws(Failure) -> WebhookSigner {
    let names = ["secret", "former_secret"]
    guard connection.auth["secret"] != nil, connection.auth.keys.allSatisfy(names.contains) else {
      throw Failure(
        code: "connector.auth",
        message: "connector \(connection.name) needs `auth: { secret: … }`, and `former_secret` while it is changed")
    }
    guard let signer = WebhookSigner(names.compactMap { connection.auth[$0] }) else {
      throw Failure(
        code: "connector.auth",
        message: "a secret of connector \(connection.name) is not whsec_ and base64 of 24 to 64 bytes")
    }
    return signer
  }
}

private struct WebhooksApplication: Application {
  let rules: [String: WebhookRules]
  let sender: WebhookSender

  var objects: [String] { rules.isEmpty ? ["*"] : Array(rules.keys) }

  func object(_ name: EndpointName, pull: Schedule) throws(Failure) -> any RemoteObject {
    guard let rules = rules[name.name] ?? (rules.isEmpty ? WebhookRules() : nil) else {
      throw Failure(code: "connector.object", message: "there is no object '\(name)'")
    }
    return WebhookObject(name, rules, sender)
  }
}
