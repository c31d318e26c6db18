import ArgumentParser
import Changes
import Config
import Log
import Runtime
import Server

struct Reload: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Have the running service read its configuration again.",
    discussion: """
      EXAMPLES
        tidemark reload --dry-run      what would be different
        tidemark reload
        systemctl reload tidemark      the same by SIGHUP; the service's output says what came of it

      A configuration that cannot be run is refused, and the service goes on as it was. No change is lost: what is under \
      way ends, the rest waits in the log. Where the log is and where the service listens takes a restart.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Flag(help: "Only say what would be different.") var dryRun = false

  func run() async throws {
    try await ExitStatus.reporting {
      let configuration = try options.load()
      let log = try await ChangeLog(path: configuration.log, access: .reader)
      guard log.holder != nil else {
        throw Failure(
          code: "service.absent",
          message: "no service runs; `tidemark run` reads the configuration when it starts")
      }
      let done = try await log.answer(to: .reload(isDryRun: dryRun), of: .service, patience: .seconds(60))
      print(ShownText.lines(done.message ?? ""))
      if !dryRun { print("the service runs the new configuration") }
    }
  }
}
