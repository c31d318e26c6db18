import Changes
import YAML

/// The engine of APIs that speak JSON over HTTP.
struct RESTEngine: Engine {
  static let name = "rest"
  private let rules: RESTRules

  init?(_ manifest: YAMLReader) {
    guard let rules = RESTRules(manifest) else { return nil }
    self.rules = rules
  }

  func open(_ connection: Connection, _ settings: YAMLReader) throws(Failure) -> any Application {
    let name = connection.name
    guard let url = connection.url ?? rules.url else {
      throw Failure(code: "connector.url", message: "connector \(name) has no address: give it a `url`")
    }
    guard let address = ServerAddress(url) else {
      throw Failure(
        code: "connector.url",
        message: "the url of connector \(name) is not an absolute http or https URL without user, query and fragment")
    }
    let api = API(
      connector: name, address: address, client: connection.client, gate: Gate(limit: rules.concurrency),
      headers: rules.headers, identity: try Identity(rules.authentication, connection.auth, connector: name))
    return RESTApplication(rules: rules, api: api)
  }
}

/// An application with a REST API.
struct RESTApplication: Application {
  let rules: RESTRules
  let api: API

  var objects: [String] { Array(rules.objects.keys) }

  func object(_ name: EndpointName, pull: Schedule) throws(Failure) -> any RemoteObject {
    guard let object = rules.rules(for: name.name) else {
      throw Failure(code: "connector.object", message: "there is no object '\(name)'")
    }
    return RESTObject(name, rules: object, errors: rules.errors, pull: pull, api: api)
  }
}
