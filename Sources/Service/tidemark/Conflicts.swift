import ArgumentParser
import Changes
import Config
import JSON
import Log
import Runtime

struct Conflicts: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List what both sides changed to different values, and who won.")

  @OptionGroup var options: ConfigurationOptions
  @Flag(help: "Only those nobody has decided.") var open = false
  @Option(help: "At most this many, the newest.") var limit = 100
  @Flag(help: "Print JSON.") var json = false

  func run() async throws {
    try await ExitStatus.reporting {
      let log = try await ChangeLog(path: try options.load().log, access: .reader)
      let conflicts = try await log.conflicts(openOnly: open, limit: limit)
      if json { return print(JSONValue.array(conflicts.map(\.json)).text) }
      if conflicts.isEmpty { print("no conflicts") }
      for conflict in conflicts { print(conflict.text) }
    }
  }
}

extension ConflictRecord {
  fileprivate var text: String {
    func shown(_ value: JSONValue?) -> String { value?.text ?? "(none)" }
    return """
      \(link) \(keyText)\(field.map { " " + $0 } ?? ""): base \(shown(base)), database \(shown(local)), \
      application \(shown(remote)): \(winnerName.map { "\($0) won" } ?? "open") (policy \(policyName))
      """
  }

  fileprivate var json: JSONValue {
    [
      "id": .integer(id), "link": .string(link.description), "local_key": .string(keyText), "kind": .string(kind),
      "field": field.map { .string($0) } ?? .null, "base": base ?? .null, "database": local ?? .null,
      "application": remote ?? .null, "policy": .string(policyName), "winner": winnerName.map { .string($0) } ?? .null,
    ]
  }
}
