package import Changes
package import HTTP
package import YAML

/// A configured client of one application's API, made from a manifest. Hands out its objects as endpoints.
package struct Connector: Sendable {
  package let name: String
  private let application: any Application

  /// - Parameters:
  ///   - url: where the application is, over what the manifest says.
  ///   - auth: the credentials by the manifest's names for them, already resolved. They never leave the requests.
  ///   - settings: the keys of the configuration that belong to the manifest's engine.
  ///   - folder: what relative paths in them are relative to.
  /// - Throws: `Problems` of `settings`; `Failure` if an address or a credential is missing, or one is given that the
  ///   manifest has no use for.
  package init(
    name: String, manifest: Manifest, url: String? = nil, auth: [String: String], settings: YAMLNode? = nil,
    folder: String = ".", client: HTTPClient
  ) throws {
    self.name = name
    let connection = Connection(name: name, url: url, auth: auth, folder: folder, client: client)
    let none = YAMLNode(.null, at: Place(file: name, line: 1, column: 1))
    application = try YAMLDocument(root: settings ?? none).read { reader in
      Result { try manifest.engine.open(connection, reader) }
    }.get()
  }

  /// The object as an endpoint, both source and target.
  /// - Parameter pull: when it is looked for changes while nothing says that something changed.
  /// - Throws: `Failure` if the application has no such object.
  package func object(_ object: String, pull: Schedule) throws(Failure) -> any RemoteObject {
    let known = application.objects
    guard object != "*", known.contains(object) || known.contains("*") else {
      throw Failure(
        code: "connector.object",
        message: "\(name) has no object '\(object)'; it has \(known.sorted().joined(separator: ", "))")
    }
    return try application.object(EndpointName(system: name, name: object), pull: pull)
  }

  /// The objects the manifest or the configuration names, in order; `*` where any name may be one.
  package var objects: [String] { application.objects.sorted() }

  /// What a webhook for this connector says; nil where its application sends none.
  package func meaning(of delivery: WebhookDelivery, secret: String) -> WebhookMeaning? {
    application.meaning(of: delivery, secret: secret)
  }
}
