import ArgumentParser
import Changes
import Config
import JSON
import Log
import Runtime
import Server
import YAML

struct RehearseConflicts: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rehearse", abstract: "Decide recorded conflicts once more under another policy, and write nothing.",
    discussion: """
      The file holds policies by link, each written as under `conflict` in the configuration. Ends with 3 if an outcome \
      would differ.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Option(help: "The file with the policies.") var policy: String
  @Option(help: "Only conflicts met since: a time, or how long ago such as 7d.") var since: TimeArgument?
  @Flag(help: "Print JSON.") var json = false

  func run() async throws {
    try await ExitStatus.reporting {
      let configuration = try options.load()
      let log = try await ChangeLog(path: configuration.log, access: .reader)
      let start = since?.moment(before: .now) ?? .unknown
      var all: [JSONValue] = []
      var differing = 0
      for (link, policy) in try configuration.conflictPolicies(contentsOf: policy).sorted(by: { $0.key < $1.key }) {
        let rehearsal = Rehearsal(policy)
        let outcomes = rehearsal.outcomes(try await log.conflicts(of: link, metSince: start))
        let different = outcomes.filter(\.differs)
        for outcome in different where !json { print(ShownText.plain(outcome.text)) }
        all += different.map(\.json)
        if !json { print("\(link): \(different.count) of \(outcomes.count) conflicts would end otherwise") }
        differing += different.count
      }
      if json { print(JSONValue.array(all).text) }
      if differing > 0 { throw ExitStatus.differences }
    }
  }
}

extension Rehearsal.Outcome {
  fileprivate var text: String {
    "\(recorded.id)  \(recorded.link) \(recorded.keyText)\(recorded.field.map { " " + $0 } ?? ""): "
      + "\(recorded.outcome ?? "open") (policy \(recorded.policyName)); would be: \(rehearsed.outcome ?? "open")"
      + " (policy \(rehearsed.policyName))"
  }

  fileprivate var json: JSONValue { ["recorded": recorded.json, "rehearsed": rehearsed.json] }
}
