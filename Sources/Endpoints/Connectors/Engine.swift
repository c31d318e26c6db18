package import Changes
import HTTP
import YAML

/// A protocol family that applications speak, with what one manifest says about one application.
///
/// An engine lives in a folder of its own beside this file and is named in `engines`; nothing else knows it.
protocol Engine: Sendable {
  /// The word after `engine:` in a manifest.
  static var name: String { get }

  /// Reads all of a manifest but `name` and `engine`, and reports everything that is wrong in it; nil only after a report.
  init?(_ manifest: YAMLReader)

  /// What the manifest says in short.
  var summary: ManifestSummary { get }

  /// Makes the client of an application for one connector. Nothing is sent yet.
  /// - Parameter settings: the connector's keys other than `use`, `url`, `auth` and `webhook`. They are the engine's:
  ///   what it does not ask for is reported as an unknown key, and so is everything it reports itself.
  /// - Throws: `Failure` for an address or a credential that is missing, or that there is no use for.
  func open(_ connection: Connection, _ settings: YAMLReader) throws(Failure) -> any Application
}

extension Engine {
  var summary: ManifestSummary { ManifestSummary() }
}

/// The engines there are.
let engines: [any Engine.Type] = [
  RESTEngine.self, FilesEngine.self, WebhooksEngine.self, SQLEngine.self, SOAPEngine.self,
]

/// One application as one connector reaches it.
protocol Application: Sendable {
  /// The objects the manifest or the connector names; `*` where any name may be one.
  var objects: [String] { get }

  /// What a webhook says; nil where the application sends none.
  /// - Parameter secret: the connector's secret for it.
  func meaning(of delivery: WebhookDelivery, secret: String) -> WebhookMeaning?

  /// An object as an endpoint.
  /// - Parameter pull: when to look for changes while nothing says that there are some.
  /// - Throws: `Failure` where there is no such object.
  func object(_ name: EndpointName, pull: Schedule) throws(Failure) -> any RemoteObject
}

extension Application {
  func meaning(of delivery: WebhookDelivery, secret: String) -> WebhookMeaning? { nil }
}

/// What a connector's configuration says to any engine.
struct Connection: Sendable {
  /// The connector's name.
  let name: String
  /// The connector's `url`, where it has one.
  let url: String?
  /// The credentials by the manifest's names for them, already resolved. They never leave the requests.
  let auth: [String: String]
  /// The folder of the configuration, which relative paths are relative to.
  let folder: String
  let client: HTTPClient
}

/// One object of an application as an endpoint, whatever engine made it.
package protocol RemoteObject: ChangeTarget {
  var endpoint: EndpointName { get }
  /// What can be written; empty where the object is only read, so that a link that pushes to it is refused.
  var actions: Set<Write.Action> { get }
  /// How its changes are found; nil where it has none to tell, so that a link that pulls from it is refused.
  var changes: ObjectChanges? { get }
  /// Looks for changes now instead of at the next turn: something says that there are some. Any number of calls are one.
  func wake()
}

/// How the changes of an object are found.
package enum ObjectChanges: Sendable {
  /// It tells them itself.
  case told(any ChangeSource)
  /// By comparing all that it holds with what was told before.
  case compared(any PolledTable, PollSettings)
}
