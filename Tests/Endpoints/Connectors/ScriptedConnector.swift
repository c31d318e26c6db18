import Changes
import Connectors
import HTTP
import Support
import Synchronization
import YAML

/// A connector to a scripted server, with a manifest whose parts a test can replace.
struct ScriptedConnector {
  let server: ScriptedServer
  let object: any RemoteObject
  private let manifest: Manifest
  private let pull: Schedule

  static let secret = "s3cret-token"
  static let usualList = """
    path: /items
    items: items
    order: ascending
    size: { parameter: limit, default: 2 }
    paging: { link: next }
    cursor: { parameter: since, item: at }
    """
  static let usualActions = """
    read: { path: "/items/{id}" }
    find: { query: { "{field}": "{value}" } }
    create: { path: /items }
    update: { path: "/items/{id}" }
    delete: { path: "/items/{id}" }
    version: { path: version, header: ETag, if_match: '"{version}"' }
    deleted: { field: deleted }
    conflict: { current: current }
    """

  init(
    list: String = usualList, actions: String = usualActions, rest: String = "", every: Duration = .seconds(3600),
    pull: Schedule? = nil, base: String = "",
    _ script: @escaping @Sendable (ScriptedServer.Request) -> ScriptedServer.Reply
  ) throws {
    server = try ScriptedServer(script)
    manifest = try Manifest(
      text: """
        name: scripted
        authentication: { bearer: token }
        objects:
          items:
            list:
        \(list.indented(6))
        \(actions.indented(4))
        \(rest)
        """, file: "scripted.yaml")
    self.pull = pull ?? .every(every)
    object = try Self.object(manifest, server.url + base, self.pull)
  }

  /// The same object in a new process.
  func restarted() throws -> any RemoteObject { try Self.object(manifest, server.url, pull) }

  private static func object(_ manifest: Manifest, _ url: String, _ pull: Schedule) throws -> any RemoteObject {
    try Connector(
      name: "app", manifest: manifest, url: url, auth: ["token": ScriptedConnector.secret], client: HTTPClient()
    ).object("items", pull: pull)
  }

  /// One write and its outcome.
  func apply(_ write: Write) async -> Outcome? { await object.apply([write]).first }
}

extension RemoteObject {
  /// As capture asks an object that tells its changes itself.
  func next(after position: Position?) async throws -> ChangeBatch {
    guard case .told(let source)? = changes else { throw NotReached(description: "\(endpoint) tells no changes") }
    return try await source.next(after: position)
  }
}

extension String {
  fileprivate func indented(_ columns: Int) -> String {
    split(separator: "\n").map { String(repeating: " ", count: columns) + $0 }.joined(separator: "\n")
  }
}

/// Answers in turn; the last one again and again.
final class Turns: Sendable {
  private let left: Mutex<[ScriptedServer.Reply]>
  init(_ replies: ScriptedServer.Reply...) { left = Mutex(replies) }
  var next: ScriptedServer.Reply {
    left.withLock { $0.count > 1 ? $0.removeFirst() : $0.first ?? .close }
  }
}

/// What a configuration says to an engine.
func settingsNode(_ text: String) throws -> YAMLNode { try YAMLDocument(text: text, file: "tidemark.yaml").root }

extension RemoteObject {
  /// Everything a listing tells until it is complete.
  func listing(after start: Position? = nil) async throws -> ([Change], Position) {
    var (changes, position) = ([Change](), start)
    while true {
      let batch = try await next(after: position)
      changes += batch.changes
      position = batch.through
      if batch.completeAsOf != nil { return (changes, batch.through) }
    }
  }
}
