import ArgumentParser
import Changes
import Config
import JSON
import Log
import Runtime
import Server

struct LogCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "log", abstract: "Show what is in the log: the newest changes, or those since a moment.",
    discussion: "Rows are shown only with --rows: they may be personal data.")

  @OptionGroup var options: ConfigurationOptions
  @Option(help: "Only changes of this link's table and object.") var link: String?
  @Option(help: "Only changes of this endpoint, such as shop.customers.") var endpoint: String?
  @Option(help: "Only this record: its key, or with --link also the key it has at the other side.") var key: String?
  @Option(help: "From where on: \(Moment.forms).") var since: Moment?
  @Option(help: "Only insert, update, delete, truncate or read.") var operation: Operation?
  @Option(help: "At most this many: the newest, or with --since the first.") var limit: Int?
  @Flag(help: "Stay, and show what comes.") var follow = false
  @Flag(help: "Show the rows.") var rows = false
  @Flag(help: "Print JSON, one change a line.") var json = false

  private static let usualLimit = 100
  /// How soon a new change is shown.
  private static let look = Duration.milliseconds(200)

  func validate() throws {
    if let endpoint, EndpointName(endpoint) == nil {
      throw ValidationError("'\(endpoint)' is no endpoint: expected system.name, such as shop.customers")
    }
  }

  func run() async throws {
    try await ExitStatus.reporting {
      let configuration = try options.load()
      let log = try await ChangeLog(path: configuration.log, access: .reader)
      let filter = try await filter(configuration, log)
      var place = try await log.end()
      if let since {
        place = try await show(from: try await log.place(since: since), filter, log)
      } else {
        for entry in try await log.newest(limit ?? Self.usualLimit, matching: filter)
        where entry.logged.sequence <= place { show(entry) }
      }
      while follow {
        place = try await show(from: place, filter, log)
        try await Task.sleep(for: Self.look)
      }
    }
  }

  /// - Returns: up to where the log was read.
  private func show(from place: LogSequence, _ filter: LogFilter, _ log: ChangeLog) async throws -> LogSequence {
    var place = place
    var shown = 0
    while true {
      let part = try await log.entries(after: place, matching: filter)
      for damaged in part.damaged { printError("tidemark: \(damaged)") }
      for entry in part.entries where follow || shown < limit ?? .max {
        show(entry)
        shown += 1
      }
      guard part.through > place, follow || shown < limit ?? .max else { return part.through }
      place = part.through
    }
  }

  private func filter(_ configuration: Configuration, _ log: ChangeLog) async throws -> LogFilter {
    var filter = LogFilter(operation: operation)
    var keys = key.map(RecordKey.typed)
    if let link {
      for settings in try configuration.links(named: [link]) {
        filter.endpoints = [settings.table, settings.object]
        for candidate in keys ?? [] {
          for side in Side.allCases {
            guard let state = try await log.state(of: settings.name, side, key: candidate) else { continue }
            keys?.append(state[side.opposite].key)
          }
        }
      }
    }
    if let name = endpoint.flatMap(EndpointName.init) {
      filter.endpoints = filter.endpoints.map { $0.intersection([name]) } ?? [name]
    }
    filter.keys = keys.map { Set($0) }
    return filter
  }

  private func show(_ entry: LogEntry) {
    print(json ? entry.json(rows).text : ShownText.plain(entry.text(rows)))
  }
}

extension Operation: ExpressibleByArgument {
  package init?(argument: String) {
    guard let operation = Operation.allCases.first(where: { $0.description == argument }) else { return nil }
    self = operation
  }
}

extension LogEntry {
  fileprivate func text(_ showsRow: Bool) -> String {
    let change = logged.change
    let origin = change.origin == .application ? "" : "  by \(change.origin)"
    return "\(logged.sequence)  \(appendedAt.text)  \(change.operation)  \(change.endpoint)  \(change.key)"
      + "  from \(source)\(origin)" + (showsRow ? "  \(String(decoding: change.row, as: UTF8.self))" : "")
  }

  fileprivate func json(_ showsRow: Bool) -> JSONValue {
    let change = logged.change
    var members: JSONObject = [
      "sequence": .integer(logged.sequence.number), "appended_at": .string(appendedAt.text),
      "committed_at": change.committedAt == .unknown ? .null : .string(change.committedAt.text),
      "operation": .string("\(change.operation)"), "endpoint": .string("\(change.endpoint)"),
      "key": .array(change.key.values), "source": .string("\(source)"), "origin": .string("\(change.origin)"),
      "version": change.version.map { .string($0) } ?? .null, "bytes": .integer(change.row.count),
    ]
    if showsRow { members["row"] = (try? JSONValue(parsing: change.row)) ?? .null }
    return .object(members)
  }
}
