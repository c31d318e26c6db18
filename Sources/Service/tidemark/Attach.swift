import ArgumentParser
import Changes
import Config
import Runtime

struct Attach: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Install capture on the linked tables. Doing it twice changes nothing.")

  @OptionGroup var options: ConfigurationOptions
  @Flag(help: "Print the SQL instead of running it.") var dryRun = false

  private static func outcome(_ plan: [String], _ database: any AttachedDatabase, _ tables: [String]) -> String {
    let attached = tables.filter { database.polling[$0] == nil }.joined(separator: ", ")
    let polled = tables.filter { database.polling[$0] != nil }.joined(separator: ", ")
    let done: String? =
      if attached.isEmpty {
        plan.isEmpty ? nil : "nothing is attached any more"
      } else {
        plan.isEmpty ? "attached already" : "attached \(attached)"
      }
    let rest = polled.isEmpty ? nil : "\(polled) \(polled.contains(",") ? "are" : "is") polled, which installs nothing"
    return [done, rest].compactMap { $0 }.joined(separator: "; ")
  }

  func run() async throws {
    try await ExitStatus.reporting {
      let configuration = try options.load()
      for settings in configuration.databases {
        let tables = configuration.capturedTables(of: settings.name)
        let database = try await Assembly.open(settings, of: configuration, tables: tables)
        let findings = try await Inspection(configuration)
          .findings(of: settings.name, database, tables: tables).filter { $0.severity == .error }
        guard findings.isEmpty else {
          for finding in findings { printError("\(finding.subject): \(finding.message)\n  \(finding.remedy ?? "")") }
          throw ExitStatus.configuration
        }
        let plan = try await database.attachPlan(tables)
        if dryRun {
          printStatements(plan)
        } else {
          try await database.attach(tables)
          print("\(settings.name): \(Self.outcome(plan, database, tables))")
        }
      }
    }
  }
}
