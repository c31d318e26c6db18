import ArgumentParser
import Changes
import Config
import JSON
import Log
import Logging
import Replay
import Runtime
import Server

struct ReplayCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay", abstract: "Apply logged changes of a link once more.",
    discussion: """
      For a target that lost something. What the target has already, or has newer, is left alone; records are sent as they \
      are now, not as they were. Changes go the way of all changes, marked as replay, in order with live ones.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Argument(help: "The link.") var link: String
  @Option(help: "From where on: \(Moment.forms).") var since: Moment
  @Option(help: "Up to where; the end of the log where it is not given.") var until: Moment?
  @Option(help: "Only this record: its key in the database, or its id in the application.") var key: String?
  @Option(help: "Only what came from the database, or from the application.") var from: Source?
  @Flag(help: "Show what would be written, and write nothing.") var dryRun = false
  @Flag(help: "With --dry-run: show the values. They may be personal data.") var values = false
  @Option(help: "Seconds to wait while nothing moves on.") var patience = 30.0

  enum Source: String, ExpressibleByArgument, CaseIterable { case database, application }

  func run() async throws {
    try await ExitStatus.reporting {
      let assembly = try await Assembly(try options.load())
      let log = try await ChangeLog(path: assembly.configuration.log, access: .reader)
      for link in try assembly.links(named: [link]) {
        let directions = assembly.directions(of: link.name).filter { direction in
          from.map { ($0 == .database) == (direction == .push) } ?? true
        }
        let after = try await log.place(since: since)
        let through = try await log.place(until: until)
        let works = try await directions.asyncMap { direction in
          ControlRequest.Work.replay(
            direction, after: after, through: through, key: try await key(direction, link, log))
        }
        if dryRun {
          for work in works { try await show(work, link, log) }
        } else {
          try await act(works, link, assembly)
        }
      }
    }
  }

  /// The key that the record has at the direction's source.
  private func key(_ direction: Direction, _ link: Link, _ log: ChangeLog) async throws -> RecordKey? {
    guard let key else { return nil }
    for candidate in RecordKey.typed(key) {
      for side in Side.allCases {
        if let state = try await log.state(of: link.name, side, key: candidate) { return state[direction.source].key }
      }
    }
    return direction == .push ? RecordKey.typed(key)[0] : RecordKey(.string(key))
  }

  private func show(_ work: ControlRequest.Work, _ link: Link, _ log: ChangeLog) async throws {
    guard case .replay(let direction, let after, let through, let key) = work else { return }
    let order = ReplayOrder(endpoint: link[direction.source].name, through: through, key: key)
    let output = WriteText(showsValues: values)
    var place: LogSequence? = after
    var count = 0
    while let from = place {
      let part = try await order.part(after: from, of: log)
      for damaged in part.damaged { printError("tidemark: \(damaged)") }
      for logged in part.changes {
        let preview = try await link.preview(ReplayOrder.again(logged.change), direction, log: log)
        let what = output.text(preview, link[direction.target])
        print(
          ShownText.plain(
            "sequence \(logged.sequence), \(logged.change.operation) at \(logged.change.endpoint)"
              + " \(logged.change.key): \(what)"))
      }
      count += part.changes.count
      place = part.next
    }
    print("\(link.name) \(direction): \(count) records between sequence \(after.number + 1) and \(through)")
  }

  private func act(_ works: [ControlRequest.Work], _ link: Link, _ assembly: Assembly) async throws {
    var logger = Logger(label: "tidemark")
    logger.logLevel = .error
    var isAllReplayed = true
    try await Errands.run(assembly, [link], logger: logger) { errands in
      for work in works {
        guard case .replay(let direction, _, _, _) = work else { continue }
        let (request, isReplayed) = try await errands.carryOut(work, of: link, patience: .seconds(patience))
        isAllReplayed = isAllReplayed && isReplayed
        let rest = isReplayed ? "" : errands.isServed ? "; the service goes on with them" : "; `tidemark run` goes on"
        print("\(link.name) \(direction): \(request.changes) changes applied once more\(rest)")
      }
    }
    if !isAllReplayed { throw ExitStatus.tryAgain }
  }
}

extension Sequence {
  fileprivate func asyncMap<Result>(_ transform: (Element) async throws -> Result) async rethrows -> [Result] {
    var results: [Result] = []
    for element in self { results.append(try await transform(element)) }
    return results
  }
}
