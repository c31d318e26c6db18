import ArgumentParser
import Changes
import Config
import Log

struct Approve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say that many deletes or overwrites at once are meant.",
    discussion: """
      A link that is about to delete or overwrite an unusual share of the records at a side holds that back and asks, and so \
      does the sweep of a polled table that finds an unusual share of the rows gone. Without a name this lists what waits. As \
      much as was found may then pass; if there is more by the time, it asks again.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Argument(help: "The links, or polled tables as database.table.") var names: [String] = []

  func run() async throws {
    try await ExitStatus.reporting {
      let configuration = try options.load()
      let log = try await ChangeLog(path: configuration.log, access: .reader)
      for name in names { try await approve(name, configuration, log) }
      if names.isEmpty { try await list(log) }
    }
  }

  private func approve(_ name: String, _ configuration: Configuration, _ log: ChangeLog) async throws {
    let link = configuration.links.first { $0.name.description == name }
    let table = link?.table.description ?? name
    var isAsked = false
    for sweep in try await log.heldSweeps() where sweep.source.description == table {
      try await log.confirm(sweep)
      isAsked = true
      print("\(table): \(sweep.gone) of \(sweep.known) rows may be deleted; the running service goes on with it")
    }
    if let link {
      let count = try await log.approve(link.name)
      isAsked = isAsked || count > 0
      if count > 0 { print("\(name): \(count) held changes may pass; the running service goes on with them") }
    }
    guard isAsked else {
      printError("tidemark: nothing waits at \(name)")
      throw ExitCode.validationFailure
    }
  }

  private func list(_ log: ChangeLog) async throws {
    let (sweeps, changes) = (try await log.heldSweeps(), try await log.heldChanges())
    if sweeps.isEmpty, changes.isEmpty { print("nothing waits") }
    for sweep in sweeps {
      let approved = sweep.confirmed >= sweep.gone ? ", approved" : ""
      print("\(sweep.source): \(sweep.gone) of \(sweep.known) rows are gone\(approved)")
    }
    for held in changes {
      let records = try await log.linkedCount(of: held.link)
      print("\(held.link): \(held.count) \(held.direction) \(held.kind.plural) of \(records) records wait")
    }
  }
}
