package import Changes
package import HTTP
import JSON

/// A configured client of one application's API, made from a manifest. Hands out its objects as endpoints.
package struct Connector: Sendable {
  package let name: String
  package let manifest: Manifest
  private let api: API

  /// - Parameters:
  ///   - baseURL: where the API is, over what the manifest says.
  ///   - auth: the credentials by the manifest's names for them, already resolved. They never leave the requests.
  /// - Throws: `Failure` if an address or a credential is missing, or one is given that the manifest has no use for.
  package init(
    name: String, manifest: Manifest, baseURL: String? = nil, auth: [String: String], client: HTTPClient
  ) throws(Failure) {
    guard let url = baseURL ?? manifest.url else {
      throw Failure(code: "connector.url", message: "connector \(name) has no address: give it a `url`")
    }
    guard let address = ServerAddress(url) else {
      throw Failure(
        code: "connector.url",
        message: "the url of connector \(name) is not an absolute http or https URL without user, query and fragment")
    }
    self.name = name
    self.manifest = manifest
    api = API(
      connector: name, address: address, client: client, gate: Gate(limit: manifest.concurrency),
      headers: manifest.headers,
      identity: try Identity(manifest.authentication, auth, connector: name))
  }

  /// The object as an endpoint, both source and target.
  /// - Parameter pollEvery: how often it is listed when no webhook says that something changed.
  /// - Throws: `Failure` if the manifest has no such object.
  package func object(_ object: String, pollEvery: Duration) throws(Failure) -> RemoteObject {
    guard let rules = manifest.rules(for: object), object != "*" else {
      let known = manifest.objects.keys.sorted().joined(separator: ", ")
      throw Failure(
        code: "connector.object", message: "\(manifest.name) has no object '\(object)'; it has \(known)")
    }
    return RemoteObject(
      EndpointName(system: name, name: object), rules: rules, errors: manifest.errors,
      pollEvery: pollEvery, api: api)
  }

  /// The object that a webhook's body says something about, to be woken; nil: every object of this connector.
  package func webhookObject(in body: [UInt8]) -> String? {
    guard let path = manifest.webhook?.object else { return nil }
    return (try? JSONValue(parsing: body))?.at(path)?.stringValue
  }
}
