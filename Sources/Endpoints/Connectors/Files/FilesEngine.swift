import Changes
import HTTP
import YAML

/// The engine of files and feeds: a folder, or a server that hands out files.
struct FilesEngine: Engine {
  static let name = "files"
  private let url: String?
  private let objects: [(name: String, value: FileRules)]

  init?(_ manifest: YAMLReader) {
    url = manifest["url"]?.string()
    objects = manifest["objects"]?.named { _, value in value.mapping { FileRules($0) } } ?? []
  }

  /// The connector's own `objects` come beside the manifest's, or in their place.
  func open(_ connection: Connection, _ settings: YAMLReader) throws(Failure) -> any Application {
    let own = settings["objects"]?.named { _, value in value.mapping { FileRules($0) } } ?? []
    let rules = Dictionary((objects + own).map { ($0.name, $0.value) }) { _, last in last }
    guard !rules.isEmpty else {
      throw Failure(
        code: "connector.objects",
        message: "connector \(connection.name) names no files: add `objects: { products: { path: products.csv } }`")
    }
    let server = connection.url ?? url
    if let server, ServerAddress(server) == nil {
      throw Failure(
        code: "connector.url",
        message:
          "the url of connector \(connection.name) is not an absolute http or https URL without user, query and fragment"
      )
    }
    return FilesApplication(
      rules: rules, server: server, folder: connection.folder, client: connection.client,
      headers: try Self.identity(connection))
  }

  /// A token is sent as a bearer's, a user name and a password as HTTP has them.
  private static func identity(_ connection: Connection) throws(Failure) -> HTTPHeaders {
    let auth = connection.auth
    if auth.isEmpty { return [:] }
    if auth.count == 1, let token = auth["token"] { return ["Authorization": "Bearer \(token)"] }
    if auth.count == 2, let name = auth["username"], let password = auth["password"] {
      return ["Authorization": "Basic \(Base64.encoded(Array("\(name):\(password)".utf8)))"]
    }
    throw Failure(
      code: "connector.auth", message: "connector \(connection.name) takes `token`, or `username` and `password`")
  }
}

/// Files that a connector names.
private struct FilesApplication: Application {
  let rules: [String: FileRules]
  let server: String?
  let folder: String
  let client: HTTPClient
  let headers: HTTPHeaders

  var objects: [String] { Array(rules.keys) }

  func object(_ name: EndpointName, pull: Schedule) throws(Failure) -> any RemoteObject {
    guard let rules = rules[name.name] else {
      throw Failure(code: "connector.object", message: "there is no object '\(name)'")
    }
    let source: FileSource =
      if rules.isURL {
        .url(rules.path)
      } else if let server {
        .url(server + (rules.path.hasPrefix("/") ? "" : "/") + rules.path)
      } else if rules.isPattern {
        .pattern(resolved(rules.path))
      } else {
        .file(resolved(rules.path))
      }
    if case .url = source, rules.isPattern {
      throw Failure(code: "files.path", message: "\(name): a server has no patterns of paths")
    }
    return FileObject(
      name, rules, FileShelf(source: source, rules: rules, client: client, headers: headers), pull: pull)
  }

  private func resolved(_ path: String) -> String { path.hasPrefix("/") ? path : "\(folder)/\(path)" }
}
