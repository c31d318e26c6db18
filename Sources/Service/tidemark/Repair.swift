import ArgumentParser
import Changes
import Config
import Runtime

struct Repair: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Mend capture that was interrupted: a slot that was lost or dropped, a publication, triggers.",
    discussion: """
      What went unseen is not forgotten: the running service, or the next `tidemark run`, notices the gap, says which \
      range it is, and reads the tables again. After a failover or a restored copy, records without a row are left alone: \
      `tidemark verify` lists them.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Flag(help: "Print the SQL instead of running it.") var dryRun = false

  func run() async throws {
    try await ExitStatus.reporting {
      let configuration = try options.load()
      for settings in configuration.databases {
        let tables = configuration.capturedTables(of: settings.name)
        let database = try await Assembly.open(settings, of: configuration, tables: tables)
        let plan = try await database.attachPlan(tables)
        if dryRun {
          printStatements(plan)
        } else if plan.isEmpty {
          print("\(settings.name): nothing to repair")
        } else {
          try await database.attach(tables)
          print("\(settings.name): capture is whole again; what went unseen is read again by `tidemark run`")
        }
      }
    }
  }
}

/// SQL that could be given to the database's own shell.
func printStatements(_ statements: [String]) {
  for statement in statements { print(statement.hasSuffix(";") ? statement : statement + ";") }
}
