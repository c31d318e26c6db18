import ArgumentParser
import Changes
import Config
import Log
import Runtime

struct Detach: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Remove every trace of Tidemark from the databases. Doing it twice changes nothing.")

  @OptionGroup var options: ConfigurationOptions
  @Flag(help: "Print the SQL instead of running it.") var dryRun = false

  func run() async throws {
    try await ExitStatus.reporting {
      let configuration = try options.load()
      if !dryRun, let log = try? await ChangeLog(path: configuration.log, access: .reader), let holder = log.holder {
        throw LogError.inUse(path: configuration.log, holder: holder)
      }
      for settings in configuration.databases {
        let database = try await Assembly.open(
          settings, of: configuration, tables: configuration.tables(of: settings.name))
        let plan = try await database.detachPlan()
        if dryRun {
          printStatements(plan)
        } else {
          try await database.detach()
          print("\(settings.name): \(plan.isEmpty ? "nothing was installed" : "detached")")
        }
      }
    }
  }
}
