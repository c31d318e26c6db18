import ArgumentParser
import Changes
import Config
import Foundation
import Runtime

struct Init: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Look at a database and write a first configuration for it, with comments.",
    discussion: """
      EXAMPLES
        tidemark init sqlite:shop.db
        tidemark init 'postgres://tidemark@localhost/shop' --use sandbox --url http://127.0.0.1:8650 \\
          --auth token=CRM_TOKEN --object customers=contacts --object orders=orders

      Nothing is changed anywhere, and no file is overwritten. Without an application the links stand in comments.
      """)

  @Argument(help: "The database: postgres://… or sqlite:path. A password belongs into ${env:NAME}.") var database:
    String
  @Option(help: "What the database is called in the configuration.") var name = "shop"
  @Option(help: "The manifest of the application: a name, or a path.") var use: String?
  @Option(help: "What the application is called in the configuration.") var connector = "crm"
  @Option(help: "Where the application is.") var url: String?
  @Option(
    help: ArgumentHelp("A credential, and the environment variable that holds it.", valueName: "name=VARIABLE"),
    transform: Pair.init)
  var auth: [Pair] = []
  @Option(
    help: ArgumentHelp("Link a table with an object.", valueName: "table=object"), transform: Pair.init)
  var object: [Pair] = []
  @Option(help: "The file to write.") var output = "tidemark.yaml"

  struct Pair {
    let first: String
    let second: String

    init(_ text: String) throws {
      guard let mark = text.firstIndex(of: "="), mark > text.startIndex, text.last != "=" else {
        throw ValidationError("'\(text)' is no pair: expected name=value")
      }
      first = String(text[..<mark])
      second = String(text[text.index(after: mark)...])
    }
  }

  func run() async throws {
    try await ExitStatus.reporting {
      guard !FileManager.default.fileExists(atPath: output) else {
        throw Failure(code: "usage.exists", message: "\(output) is there already; name another one with --output")
      }
      let environment = ProcessInfo.processInfo.environment
      let application = use.map { use in
        ConfigurationDraft.Application(
          name: connector, use: use, url: url, auth: auth.map { ($0.first, $0.second) },
          objects: object.map { ($0.first, $0.second) })
      }
      // As the configuration will be read: with its references, and paths relative to its folder.
      let probe = "databases: { \(name): { url: \(quoted(database)) } }\nconnectors: {}\nlinks: {}\n"
      let configuration = try Configuration.read(probe, file: output, environment: environment)
      guard let settings = configuration.databases.first else { return }
      let opened = try await Assembly.open(settings, of: configuration, tables: [])
      let draft = try await ConfigurationDraft(
        name, url: database, opened: opened, application, environment: environment)
      try Data(draft.text.utf8).write(to: URL(fileURLWithPath: output), options: .withoutOverwriting)
      print("\(output) is written; look at it, then `tidemark check --config \(output)`")
    }
  }

  private func quoted(_ text: String) -> String {
    "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
  }
}
