import ArgumentParser
import Changes
import Config
import JSON
import Log
import Replay
import Runtime
import Verify

struct VerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Compare both sides of the links, record by record.",
    discussion: "What differs is looked at again after a moment, so that changes on their way do not count.")

  @OptionGroup var options: ConfigurationOptions
  @Argument(help: "The links to compare; all of them where none is named.") var links: [String] = []
  @Option(help: "Seconds until a difference is looked at again.") var patience = 2.0
  @Flag(help: "Print JSON.") var json = false

  func run() async throws {
    try await ExitStatus.reporting {
      let assembly = try await Assembly(try options.load())
      let log = try await ChangeLog(path: assembly.configuration.log, access: .reader)
      let chosen = try assembly.links(named: links)
      var reports: [JSONValue] = []
      var count = 0
      for link in chosen {
        let (differences, compared) = try await Verification(link, log: log).run(patience: .seconds(patience))
        count += differences.count
        reports.append([
          "link": .string(link.name.description), "compared": .integer(compared),
          "differences": .array(differences.map(\.json)),
        ])
        if !json {
          print("\(link.name): \(compared) records compared, \(differences.count) differ")
          for difference in differences { print("  \(difference.text)") }
        }
      }
      if json { print(JSONValue.array(reports).text) }
      if count > 0 { throw ExitStatus.differences }
    }
  }
}

extension Difference {
  fileprivate var text: String {
    let keys = [local?.description, remote?.description].compactMap { $0 }.joined(separator: " / ")
    return "\(keys): \(kind.rawValue)" + (fields.isEmpty ? "" : " in \(fields.joined(separator: ", "))")
  }

  fileprivate var json: JSONValue {
    [
      "kind": .string(kind.rawValue), "local_key": local.map { .string($0.description) } ?? .null,
      "remote_key": remote.map { .string($0.description) } ?? .null, "fields": .array(fields.map { .string($0) }),
    ]
  }
}
