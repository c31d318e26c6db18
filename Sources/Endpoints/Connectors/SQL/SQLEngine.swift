import Changes
import YAML

/// The engine of SQL databases behind an ODBC driver: an object is a table or a view.
struct SQLEngine: Engine {
  static let name = "sql"
  private let rules: SQLRules

  init?(_ manifest: YAMLReader) { rules = SQLRules(manifest) }

  /// - Parameter settings: `objects`, as in a manifest; they stand in place of the manifest's of the same name.
  func open(_ connection: Connection, _ settings: YAMLReader) throws(Failure) -> any Application {
    let given = SQLRules(settings)
    var rules = rules
    rules.text = given.text ?? rules.text
    rules.tables.merge(given.tables) { _, given in given }
    guard let url = connection.url, url.hasPrefix(Self.scheme), url.count > Self.scheme.count else {
      throw Failure(
        code: "connector.url",
        message: "connector \(connection.name) needs a `url` with its driver's connection string, such as"
          + " \"odbc:Driver={MariaDB Unicode};Server=db.example;Database=shop\" or \"odbc:DSN=shop\"")
    }
    let database = SQLDatabase(
      name: connection.name,
      connectionString: try Self.connectionString(String(url.dropFirst(Self.scheme.count)), connection),
      text: rules.text)
    return SQLApplication(rules: rules, database: database)
  }

  private static let scheme = "odbc:"

  /// With the credentials behind it, in the names that all drivers take.
  private static func connectionString(_ given: String, _ connection: Connection) throws(Failure) -> String {
    let names = ["user": "UID", "password": "PWD"]
    var parts = [given.hasSuffix(";") ? String(given.dropLast()) : given]
    for (name, value) in connection.auth.sorted(by: { $0.key > $1.key }) {
      guard let key = names[name] else {
        throw Failure(
          code: "connector.auth",
          message: "connector \(connection.name) has no use for the credential '\(name)'; it uses user, password")
      }
      parts.append("\(key)={\(value.replacing("}", with: "}}"))}")
    }
    return parts.joined(separator: ";")
  }
}

/// A database as one connector reaches it.
struct SQLApplication: Application {
  let rules: SQLRules
  let database: SQLDatabase

  var objects: [String] { Array(rules.tables.keys) }

  func object(_ name: EndpointName, pull: Schedule) throws(Failure) -> any RemoteObject {
    guard let table = rules.rules(for: name.name) else {
      throw Failure(code: "connector.object", message: "there is no object '\(name)'")
    }
    return SQLObject(name, table, in: database, pull: pull)
  }
}
