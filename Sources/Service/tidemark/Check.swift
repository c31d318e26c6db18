import ArgumentParser
import Changes
import Config
import JSON
import Runtime

struct Check: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Look for everything that stands in the way, and change nothing.")

  @OptionGroup var options: ConfigurationOptions
  @Flag(help: "Read the configuration only; connect to nothing.") var offline = false
  @Flag(help: "Print JSON.") var json = false

  func run() async throws {
    try await ExitStatus.reporting {
      let configuration = try options.load()
      let findings = offline ? [] : try await Inspection(configuration).findings()
      if json {
        print(JSONValue.array(findings.map(\.json)).text)
      } else {
        for finding in findings { printError(finding.text) }
        let errors = findings.filter { $0.severity == .error }.count
        print(errors == 0 ? "\(options.config): all is well" : "\(options.config): \(errors) in the way")
      }
      if findings.contains(where: { $0.severity == .error }) { throw ExitStatus.configuration }
    }
  }
}

extension Finding {
  fileprivate var text: String {
    "\(severity.rawValue): \(subject): \(message)" + (remedy.map { "\n  \($0)" } ?? "")
  }

  fileprivate var json: JSONValue {
    [
      "severity": .string(severity.rawValue), "subject": .string(subject), "message": .string(message),
      "remedy": remedy.map { .string($0) } ?? .null,
    ]
  }
}
