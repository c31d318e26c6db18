import ArgumentParser
import Changes
import Config
import Log
import Runtime

struct BackfillCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backfill", abstract: "Read a whole side of a link again; what differs travels like any other change.",
    discussion: """
      A running service carries it out beside live changes, without locks. It survives every restart and goes on where \
      it was; a row never overwrites a newer change.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Argument(help: "The links to read; all of them where none is named.") var links: [String] = []
  @Option(help: "The side to read: database or application.") var from: Origin = .database
  @Flag(help: "Return at once instead of waiting for the end.") var detach = false

  enum Origin: String, ExpressibleByArgument, CaseIterable { case database, application }

  func run() async throws {
    try await ExitStatus.reporting {
      let configuration = try options.load()
      let log = try await ChangeLog(path: configuration.log, access: .reader)
      let chosen = try configuration.links(named: links)
      let side: Side = from == .database ? .local : .remote
      for link in chosen {
        let backfill = try await log.requestBackfill(of: link.name, side, reason: "requested")
        guard log.holder != nil else {
          print("\(link.name): backfill \(backfill.id) is noted; no service runs, it starts with `tidemark run`")
          continue
        }
        if !detach { try await follow(backfill.id, of: link.name, log) }
      }
    }
  }

  private func follow(_ id: Int64, of link: LinkName, _ log: ChangeLog) async throws {
    var told: Int64 = -1
    while true {
      guard let backfill = try await log.backfills(of: link).first(where: { $0.id == id }) else { return }
      if backfill.rows != told { print("\(link): \(backfill.rows) rows read (\(backfill.state.rawValue))") }
      told = backfill.rows
      if backfill.state == .done { return }
      try await Task.sleep(for: .milliseconds(500))
    }
  }
}
