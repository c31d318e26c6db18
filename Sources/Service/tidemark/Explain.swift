import ArgumentParser
import Changes
import Config
import JSON
import Log
import Runtime

struct Explain: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "The story of one record: why it is where it is.")

  @OptionGroup var options: ConfigurationOptions
  @Argument(help: "The link.") var link: String
  @Argument(help: "The record's key in the database, or its id in the application.") var key: String
  @Flag(help: "Print JSON.") var json = false

  func run() async throws {
    try await ExitStatus.reporting {
      let configuration = try options.load()
      let log = try await ChangeLog(path: configuration.log, access: .reader)
      for chosen in try configuration.links(named: [link]) {
        let explanation = try await Explanation(chosen, key: key, log: log)
        print(json ? explanation.json.text : explanation.lines.joined(separator: "\n"))
      }
    }
  }
}
