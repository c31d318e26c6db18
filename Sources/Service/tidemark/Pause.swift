import ArgumentParser
import Changes
import Config
import Log
import Runtime

struct Pause: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Let links rest: nothing is written at either side until they are resumed.",
    discussion: """
      EXAMPLES
        tidemark pause customers --reason "the CRM is being cleaned up"
        tidemark resume customers

      Nothing is lost: capture goes on, the changes wait in the log, and the pause outlasts restarts. What is being written \
      when the pause comes is written to its end.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Argument(help: "The links.") var links: [String]
  @Option(help: "Why, for whoever looks at the status.") var reason: String?

  func run() async throws {
    try await ExitStatus.reporting {
      try await ask(.pause(reason: reason), of: links, options) { log, link in
        try await log.pause(link, reason: reason)
      }
      for link in links { print("\(link) is paused; `tidemark resume \(link)` lets it go on") }
    }
  }
}

struct Resume: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Let paused links go on where they were.",
    discussion: """
      EXAMPLES
        tidemark resume customers
      """)

  @OptionGroup var options: ConfigurationOptions
  @Argument(help: "The links.") var links: [String]

  func run() async throws {
    try await ExitStatus.reporting {
      try await ask(.resume, of: links, options) { log, link in try await log.resume(link) }
      for link in links { print("\(link) goes on") }
    }
  }
}

/// A running service does it at once; where none runs, the next one finds it done.
private func ask(
  _ work: ControlRequest.Work, of names: [String], _ options: ConfigurationOptions,
  otherwise act: (ChangeLog, LinkName) async throws -> Void
) async throws {
  let configuration = try options.load()
  let log = try await ChangeLog(path: configuration.log, access: .reader)
  for link in try configuration.links(named: names) {
    if log.holder == nil {
      try await act(log, link.name)
    } else {
      _ = try await log.answer(to: work, of: link.name, patience: .seconds(15))
    }
  }
}
