import Changes
import YAML

/// The engine of APIs that speak JSON over HTTP.
struct RESTEngine: Engine {
  static let name = "rest"
  let rules: RESTRules

  init?(_ manifest: YAMLReader) {
    guard let rules = RESTRules(manifest) else { return nil }
    self.rules = rules
  }

  func open(_ connection: Connection, _ settings: YAMLReader) throws(Failure) -> any Application {
    let settings = try self.settings(settings, of: connection.name)
    let address = try address(connection, settings)
    let names = Set(settings.keys)
    try Identity.check(rules.authentication, connection.auth, besides: names, connector: connection.name)
    let identity = Identity(rules.authentication, connection.auth)
    let values = settings.merging(connection.auth) { $1 }
    let source = tokenSource(connection, address, identity, values)
    let api = API(
      connector: connection.name, address: address, client: connection.client, gate: Gate(rules.limits),
      headers: rules.headers, identity: identity,
      session: source.map { source in Session { await source.fetch(insteadOf: $0) } }, signer: signer(connection.auth),
      errors: rules.errors, settings: settings, sessionParameter: source?.sessionParameter)
    return RESTApplication(rules: rules, api: api, webhooks: rules.webhook.map { WebhookReceiver($0) })
  }

  /// The settings by name, each as the connector says or as the manifest does.
  private func settings(_ reader: YAMLReader, of connector: String) throws(Failure) -> [String: String] {
    var settings: [String: String] = [:]
    for (name, usual) in rules.settings {
      guard let value = reader[name].map({ $0.string() ?? "" }) ?? usual else {
        throw Failure(code: "connector.setting", message: "connector \(connector) needs `\(name): …`")
      }
      settings[name] = value
    }
    return settings
  }

  private func address(_ connection: Connection, _ settings: [String: String]) throws(Failure) -> ServerAddress {
    guard let url = connection.url ?? rules.url.map({ Template.text($0, settings) }) else {
      throw Failure(code: "connector.url", message: "connector \(connection.name) has no address: give it a `url`")
    }
    guard let address = ServerAddress(url) else {
      throw Failure(
        code: "connector.url",
        message: "the url of connector \(connection.name) is not an absolute http or https URL without user, query and"
          + " fragment")
    }
    return address
  }

  private func tokenSource(
    _ connection: Connection, _ address: ServerAddress, _ identity: Identity, _ values: [String: String]
  ) -> TokenSource? {
    for kind in rules.authentication {
      switch kind {
      case .oauth2(let oauth2):
        let configured = oauth2.grant == .refreshToken ? oauth2.refreshToken.flatMap { values[$0] } : nil
        return TokenSource(
          rules: .oauth2(oauth2), address: address, client: connection.client, identity: identity, values: values,
          file: configured.map { TokenFile(folder: connection.folder, name: connection.name, configured: $0) })
      case .session(let session):
        return TokenSource(
          rules: .session(session), address: address, client: connection.client, identity: identity, values: values,
          file: nil)
      case .bearer, .basic, .header, .query, .oauth1, .signature: continue
      }
    }
    return nil
  }

  private func signer(_ auth: [String: String]) -> RequestSigner? {
    for kind in rules.authentication {
      switch kind {
      case .oauth1(let rules): return RequestSigner(kind: .oauth1(rules), values: auth)
      case .signature(let rules): return RequestSigner(kind: .template(rules), values: auth)
      case .bearer, .basic, .header, .query, .oauth2, .session: continue
      }
    }
    return nil
  }
}

extension TokenSource {
  fileprivate var sessionParameter: String? {
    if case .query(let parameter) = rules.use.place { parameter } else { nil }
  }
}

/// An application with a REST API.
struct RESTApplication: Application {
  let rules: RESTRules
  let api: API
  /// Nil where the application sends none.
  let webhooks: WebhookReceiver?

  func meaning(of delivery: WebhookDelivery, secret: String) -> WebhookMeaning? {
    webhooks?.meaning(of: delivery, secret: secret)
  }

  var objects: [String] { Array(rules.objects.keys) }

  func object(_ name: EndpointName, pull: Schedule) throws(Failure) -> any RemoteObject {
    guard let object = rules.rules(for: name.name) else {
      throw Failure(code: "connector.object", message: "there is no object '\(name)'")
    }
    return RESTObject(name, rules: object, batch: rules.batch, pull: pull, api: api)
  }
}
