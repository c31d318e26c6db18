import Changes
import JSON
import YAML

/// The engine of services that speak SOAP over HTTP.
struct SOAPEngine: Engine {
  static let name = "soap"
  private let rules: SOAPRules

  init?(_ manifest: YAMLReader) {
    guard let rules = SOAPRules(manifest) else { return nil }
    self.rules = rules
  }

  func open(_ connection: Connection, _ settings: YAMLReader) throws(Failure) -> any Application {
    let name = connection.name
    let used = rules.authentication.credentials
    for credential in used where connection.auth[credential]?.isEmpty ?? true {
      throw Failure(code: "connector.auth", message: "connector \(name) needs `auth: { \(credential): … }`")
    }
    for credential in connection.auth.keys.sorted() where !used.contains(credential) {
      guard rules.header.contains(where: { $0.value.text.contains("{\(credential)}") }) else {
        throw Failure(
          code: "connector.auth", message: "connector \(name) has no use for the credential '\(credential)'")
      }
    }
    if let url = connection.url ?? rules.url, ServerAddress(url) == nil {
      throw Failure(
        code: "connector.url",
        message: "the url of connector \(name) is not an absolute http or https URL without user, query and fragment")
    }
    return SOAPApplication(rules: rules, client: SOAPClient(rules, connection))
  }
}

/// A service as one connector reaches it.
struct SOAPApplication: Application {
  let rules: SOAPRules
  let client: SOAPClient

  var objects: [String] { Array(rules.objects.keys) }

  func object(_ name: EndpointName, pull: Schedule) throws(Failure) -> any RemoteObject {
    guard let object = rules.objects[name.name] else {
      throw Failure(code: "connector.object", message: "there is no object '\(name)'")
    }
    return SOAPObject(name, object, SOAPFates(byCode: rules.faults), pull: pull, client: client)
  }
}
