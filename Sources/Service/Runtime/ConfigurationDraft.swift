package import Changes
import Connectors
import HTTP
import JSON

/// A first `tidemark.yaml` for a database: what is there, with a comment where a person has to decide.
package struct ConfigurationDraft: Sendable {
  /// The application that the tables are to be linked with.
  package struct Application: Sendable {
    package let name: String
    /// The name of a manifest, or its path.
    package let use: String
    package let url: String?
    /// The manifest's names of credentials, and the environment variables that hold them.
    package let auth: [(name: String, variable: String)]
    /// The object of each table that is to be linked.
    package let objects: [(table: String, object: String)]

    package init(
      name: String, use: String, url: String?, auth: [(name: String, variable: String)],
      objects: [(table: String, object: String)]
    ) {
      self.name = name
      self.use = use
      self.url = url
      self.auth = auth
      self.objects = objects
    }
  }

  /// How many records of an object are looked at for the names of its fields.
  private static let sample = 20
  /// What usually tells records apart at both sides.
  private static let tellingNames = ["email", "number", "code", "sku", "reference", "slug", "name"]

  private struct Table {
    let name: String
    let columns: [String]
    let key: [String]
    var object: String?
    /// Column and field, where both sides have it.
    var fields: [(column: String, field: String)] = []
  }

  package let text: String

  /// Looks at a database, and at the objects where an application is given.
  /// - Parameters:
  ///   - url: as it is to be written; it is opened with `opened`.
  ///   - environment: where the credentials are looked up.
  package init(
    _ name: String, url: String, opened database: any AttachedDatabase, _ application: Application?,
    environment: [String: String]
  ) async throws {
    let connector = try application.map { application in
      let auth = application.auth.map { ($0.name, environment[$0.variable] ?? "") }
      return try Connector(
        name: application.name, manifest: try Self.manifest(application.use), url: application.url,
        auth: Dictionary(auth) { $1 }, client: HTTPClient())
    }
    var tables: [Table] = []
    for table in try await database.tables() {
      // A table without a key has no columns that a link could name.
      let columns = (try? await database.columns(of: table)) ?? []
      var found = Table(name: table, columns: columns, key: (try? await database.keyColumns(of: table)) ?? [])
      found.object = application?.objects.first { $0.table == table }?.object
      if let object = found.object, let connector {
        found.fields = try await Self.common(found, try connector.object(object, pull: .every(.seconds(300))))
      }
      tables.append(found)
    }
    let unknown = application?.objects.first { pair in !tables.contains { $0.name == pair.table } }
    if let unknown {
      throw Failure(
        code: "usage.table",
        message: "there is no table \(unknown.table); there are \(tables.map(\.name).joined(separator: ", "))")
    }
    text = Self.text(name, url, tables, application)
  }

  private static func manifest(_ use: String) throws -> Manifest {
    use.contains("/") || use.hasSuffix(".yaml") ? try Manifest(contentsOf: use) : try Manifest.named(use)
  }

  /// The columns that the object has a field for, by names that differ in case and punctuation at most.
  private static func common(_ table: Table, _ object: any RemoteObject) async throws -> [(
    column: String, field: String
  )] {
    let records = try await object.chunk(from: nil, limit: sample).records
    let fields = Set(records.flatMap { $0.fields.names })
    return table.columns.filter { !table.key.contains($0) }.compactMap { column in
      fields.first { plain($0) == plain(column) }.map { (column, $0) }
    }
  }

  private static func plain(_ name: String) -> String { name.lowercased().filter { $0.isLetter || $0.isNumber } }

  private static func text(_ name: String, _ url: String, _ tables: [Table], _ application: Application?) -> String {
    var lines = [
      "# Made by `tidemark init`. Every key is described in docs/configuration.md; `tidemark check` says what is wrong.",
      "",
      "databases:",
      "  \(name):", "    url: \(quoted(url))",
      "    # How changes are captured: auto takes the best that the role allows (wal, trigger, poll).",
      "    capture: auto", "",
      "# The applications. Secrets are references: ${env:NAME}, ${file:path} or ${command:program}.",
    ]
    if let application {
      lines += ["connectors:", "  \(application.name):", "    use: \(quoted(application.use))"]
      if let url = application.url { lines.append("    url: \(quoted(url))") }
      if !application.auth.isEmpty {
        let auth = application.auth.map { "\($0.name): \"${env:\($0.variable)}\"" }
        lines.append("    auth: { \(auth.joined(separator: ", ")) }")
      }
    } else {
      lines += [
        "connectors: {}", "#  crm:", "#    use: sandbox                 # or the path of a manifest",
        "#    url: \"http://127.0.0.1:8650\"", "#    auth: { token: \"${env:CRM_TOKEN}\" }",
      ]
    }
    let linked = tables.filter { !$0.fields.isEmpty }
    lines += [
      "", "# A link keeps one table and one object in step. What both sides changed is settled by `conflict`.",
      linked.isEmpty ? "links: {}" : "links:",
    ]
    for table in linked { lines += link(table, name, application?.name ?? "crm").map { "  \($0)" } }
    for table in tables where table.fields.isEmpty {
      lines += ["#"]
      lines += (table.key.isEmpty ? keyless(table) : link(table, name, application?.name ?? "crm")).map { "#  \($0)" }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func link(_ table: Table, _ database: String, _ connector: String) -> [String] {
    let pairs =
      table.fields.isEmpty
      ? table.columns.filter { !table.key.contains($0) }.map { ($0, $0) } : table.fields.map { ($0.column, $0.field) }
    let telling = tellingNames.compactMap { name in pairs.first { plain($0.0) == name } }.first ?? pairs.first
    var lines = [
      "\(plainName(table.name)):", "  table: \(database).\(table.name)",
      "  object: \(connector).\(table.object ?? table.name)",
      "  direction: both                # or push: only to the application, pull: only from it",
    ]
    if let telling {
      lines.append(
        "  key: { \(quoted(telling.0)): \(quoted(telling.1)) }   # how the sides find each other; has to be unique")
    }
    lines.append("  fields:")
    lines += pairs.map { "    \(quoted($0.0)): \(quoted($0.1))" }
    return lines + ["  conflict: { default: newest }  # or database, application", "  pull: { every: 5m }"]
  }

  private static func keyless(_ table: Table) -> [String] {
    ["\(table.name) has no primary key, so its rows cannot be told apart: give it one to link it"]
  }

  /// Link names hold letters, digits, _ and -.
  private static func plainName(_ table: String) -> String {
    String(table.map { $0.isASCII && ($0.isLetter || $0.isNumber || "_-".contains($0)) ? $0 : "_" }.prefix(63))
  }

  /// A name that YAML could take for something else is quoted; so is all that is not plain.
  private static func quoted(_ text: String) -> String {
    let isPlain =
      !text.isEmpty && text.first?.isLetter == true
      && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
      && !["yes", "no", "on", "off", "true", "false", "null", "y", "n"].contains(text.lowercased())
    return isPlain ? text : JSONValue.string(text).text
  }
}
