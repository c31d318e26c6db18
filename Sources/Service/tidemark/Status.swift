import ArgumentParser
import JSON
import Runtime
import Server

struct Status: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "How far everything is, from the running service or from its log.")

  @OptionGroup var options: ConfigurationOptions
  @Flag(help: "Print JSON.") var json = false

  func run() async throws {
    try await ExitStatus.reporting {
      let report = try await StatusQuery(try options.load()).report()
      print(json ? report.json.text : report.text)
    }
  }
}
