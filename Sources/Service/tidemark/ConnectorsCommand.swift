import ArgumentParser
import Changes
import Connectors
import JSON
import Runtime

struct ConnectorsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "connectors", abstract: "Which applications there are, and what they can do.",
    subcommands: [ConnectorsList.self, ConnectorsShow.self, ConnectorsDescribe.self, ConnectorsTest.self],
    defaultSubcommand: ConnectorsList.self)
}

/// The manifests that ship. Needs no configuration.
struct ConnectorsList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "The applications that Tidemark knows by name.")

  @Flag(help: "Print JSON.") var json = false

  func run() async throws {
    try await ExitStatus.reporting {
      var rows: [JSONValue] = []
      for name in Manifest.names {
        let manifest = try Manifest.named(name)
        let objects = manifest.summary.objects.map { $0.name == "*" ? "any" : $0.name }
        if json {
          rows.append([
            "name": .string(name), "engine": .string(manifest.engineName),
            "objects": .array(objects.map { .string($0) }),
          ])
        } else {
          print(name.padded(20) + manifest.engineName.padded(8) + objects.joined(separator: ", "))
        }
      }
      if json { print(JSONValue.array(rows).text) }
    }
  }
}

struct ConnectorsShow: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "What one application needs and can do.")

  @Argument(help: "An application's name, or the path of a manifest.") var name: String
  @Flag(help: "Print JSON.") var json = false

  func run() async throws {
    try await ExitStatus.reporting {
      let isPath = name.contains("/") || name.hasSuffix(".yaml")
      let manifest = try isPath ? Manifest(contentsOf: name) : Manifest.named(name)
      print(json ? manifest.shown.text : manifest.text(using: name))
    }
  }
}

struct ConnectorsDescribe: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "describe", abstract: "The objects of a configured connector, and the fields their records have.")

  @OptionGroup var options: ConfigurationOptions
  @Argument(help: "A connector of the configuration, or one of its objects: crm or crm.contacts.") var name: String
  @Flag(help: "Print JSON.") var json = false

  func run() async throws {
    try await ExitStatus.reporting {
      let survey = ConnectorSurvey(try options.load())
      let names = try EndpointName(name).map { [$0] } ?? survey.objects(of: name)
      var objects: [ConnectorSurvey.Object] = []
      for name in names { objects.append(try await survey.describe(name)) }
      if json {
        print(JSONValue.array(objects.map(\.json)).text)
      } else {
        for object in objects { print(object.text) }
      }
    }
  }
}

struct ConnectorsTest: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "test",
    abstract: "Read one record of each object: proves address and credentials, and changes nothing.")

  @OptionGroup var options: ConfigurationOptions
  @Argument(help: "A connector of the configuration.") var name: String
  @Flag(help: "Print JSON.") var json = false

  func run() async throws {
    try await ExitStatus.reporting {
      let trials = try await ConnectorSurvey(try options.load()).test(name)
      if json {
        print(
          JSONValue.array(
            trials.map {
              ["object": .string("\($0.object)"), "problem": $0.problem.map { .string($0) } ?? .null]
            }
          ).text)
      } else {
        for trial in trials { print("\(trial.object): \(trial.problem ?? "answers")") }
      }
      if trials.contains(where: { $0.problem != nil }) { throw ExitStatus.unavailable }
    }
  }
}

extension Manifest {
  fileprivate var shown: JSONValue {
    let summary = summary
    return [
      "name": .string(name), "engine": .string(engineName), "url": summary.url.map { .string($0) } ?? .null,
      "credentials": .array(summary.credentials.map { .string($0) }),
      "settings": .array(
        summary.settings.map { ["name": .string($0.name), "default": $0.usual.map { .string($0) } ?? .null] }),
      "objects": .array(
        summary.objects.map { object in
          ["name": .string(object.name), "can": .array(object.abilities.map { .string($0) })]
        }), "webhooks": .bool(summary.takesWebhooks),
    ]
  }

  /// With the lines of a configuration that uses it.
  fileprivate func text(using name: String) -> String {
    let summary = summary
    var lines = ["\(self.name), by the engine \(engineName)", "", "connectors:", "  \(self.name):", "    use: \(name)"]
    if summary.url == nil { lines.append("    url: https://…") }
    for setting in summary.settings {
      lines.append(setting.usual.map { "    # \(setting.name): \($0)" } ?? "    \(setting.name): …")
    }
    if !summary.credentials.isEmpty {
      lines.append("    auth:")
      for credential in summary.credentials {
        lines.append("      \(credential): \"${env:\(credential.uppercased())}\"")
      }
    }
    if summary.takesWebhooks { lines.append("    # webhook: { secret: \"${env:WEBHOOK_SECRET}\" }") }
    lines.append("")
    for object in summary.objects {
      lines.append(
        (object.name == "*" ? "any object" : object.name).padded(20) + object.abilities.joined(separator: ", "))
    }
    return lines.joined(separator: "\n")
  }
}

extension ConnectorSurvey.Object {
  fileprivate var text: String {
    let heading = "\(name): \(actions.isEmpty ? "only read" : actions.joined(separator: ", "))"
    guard records > 0 else { return heading + "\n  no records to look at" }
    let width = (fields.map(\.name.count).max() ?? 0) + 2
    return
      ([heading]
      + fields.map { field in
        "  " + field.name.padded(width) + (field.types.joined(separator: " or ")).padded(16)
          + "\(field.filled) of \(records)"
      }).joined(separator: "\n")
  }

  fileprivate var json: JSONValue {
    [
      "object": .string("\(name)"), "actions": .array(actions.map { .string($0) }), "records": .integer(records),
      "fields": .array(
        fields.map { field in
          [
            "name": .string(field.name), "types": .array(field.types.map { .string($0) }),
            "filled": .integer(field.filled),
          ]
        }),
    ]
  }
}

extension String {
  fileprivate func padded(_ width: Int) -> String { self + String(repeating: " ", count: max(1, width - count)) }
}
