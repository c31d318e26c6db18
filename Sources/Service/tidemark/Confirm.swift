import ArgumentParser
import Changes
import Config
import Log

struct Confirm: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say that the rows which a polled table has lost are really to be deleted.",
    discussion: """
      A sweep that finds an unusual share of a table's rows gone stops before it deletes anything at the other side. \
      Without a table this lists what waits. As many rows as were found may then be deleted; if more are gone by the time, \
      it asks again.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Argument(help: "The polled tables, as database.table.") var tables: [String] = []

  func run() async throws {
    try await ExitStatus.reporting {
      let configuration = try options.load()
      let log = try await ChangeLog(path: configuration.log, access: .reader)
      let held = try await log.heldSweeps()
      for table in tables {
        guard let sweep = held.first(where: { $0.source.description == table }) else {
          printError("tidemark: no deletes wait at \(table)")
          throw ExitCode.validationFailure
        }
        try await log.confirm(sweep)
        print("\(table): \(sweep.gone) of \(sweep.known) rows may be deleted; the running service goes on with it")
      }
      guard tables.isEmpty else { return }
      if held.isEmpty { print("no deletes wait") }
      for sweep in held {
        let confirmed = sweep.confirmed >= sweep.gone ? ", confirmed" : ""
        print("\(sweep.source): \(sweep.gone) of \(sweep.known) rows are gone\(confirmed)")
      }
    }
  }
}
