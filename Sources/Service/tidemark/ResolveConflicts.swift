import ArgumentParser
import Changes
import Config
import JSON
import Log
import Logging
import Replay
import Runtime
import Server

struct ResolveConflicts: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resolve", abstract: "Decide open conflicts: by a side, or with a value.",
    discussion: """
      Both sides are read again first. Where one holds something else by now nothing is written: the conflict is met again \
      with the new values. What is decided is written through the log like any other change; `conflicts undo` takes it back.
      """)

  @OptionGroup var options: ConfigurationOptions
  @OptionGroup var chosen: ChosenConflicts
  @Option(help: "The side that is right: database or application.") var use: Winner?
  @Option(help: "What both sides take instead, as JSON; a text may be written without quotes.") var value: String?
  @Flag(help: "Print what to write in the configuration so that it is always decided like this.") var always = false
  @Option(help: "Seconds to wait until it is written.") var patience = 30.0

  enum Winner: String, ExpressibleByArgument, CaseIterable {
    case database, application

    var side: Side { self == .database ? .local : .remote }
  }

  func validate() throws {
    guard (use == nil) != (value == nil) else { throw ValidationError("say --use with a side, or --value") }
    if always, use == nil { throw ValidationError("a value of its own is no policy: --always belongs to --use") }
  }

  func run() async throws {
    try await ExitStatus.reporting {
      let configuration = try options.load()
      let decision: Decision =
        if let use { .side(use.side) } else { .value(Self.typed(value ?? "")) }
      try await ConflictErrand(configuration, patience: .seconds(patience)).run(
        chosen, where: { $0.decision == nil }
      ) { .decide(conflict: $0.id, decision) }
      if always, let use { try await printPolicy(configuration, use) }
    }
  }

  private static func typed(_ text: String) -> JSONValue { (try? JSONValue(parsing: text)) ?? .string(text) }

  private func printPolicy(_ configuration: Configuration, _ use: Winner) async throws {
    let log = try await ChangeLog(path: configuration.log, access: .reader)
    let conflicts = try await chosen.conflicts(configuration, log) { $0.isByPerson }
    print("To have it always decided like this, write in \(configuration.file):")
    print("links:")
    for (link, conflicts) in Dictionary(grouping: conflicts, by: \.link).sorted(by: { $0.key < $1.key }) {
      let fields = conflicts.compactMap(\.field).sorted().map { "\($0): \(use.rawValue)" }
      print("  \(link):")
      print("    conflict:")
      if !fields.isEmpty { print("      fields: { \(fields.joined(separator: ", ")) }") }
      for conflict in conflicts where conflict.field == nil {
        let isBack = (conflict.local == nil) == (use == .application)
        print("      delete: \(isBack ? "update-wins" : "delete-wins")")
      }
    }
  }
}

struct UndoConflicts: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "undo", abstract: "Take back what a person decided: both sides get again what they held.",
    discussion: """
      Only while both sides hold what was decided. The conflict is open then, and stays so whatever the link's policy says, \
      until it is decided again or a side is changed.
      """)

  @OptionGroup var options: ConfigurationOptions
  @OptionGroup var chosen: ChosenConflicts
  @Option(help: "Seconds to wait until it is written.") var patience = 30.0

  func run() async throws {
    try await ExitStatus.reporting {
      try await ConflictErrand(try options.load(), patience: .seconds(patience)).run(chosen, where: { $0.isByPerson }) {
        .undo(conflict: $0.id)
      }
    }
  }
}

/// Has something said about conflicts carried out, one after the other.
private struct ConflictErrand {
  let configuration: Configuration
  let patience: Duration

  init(_ configuration: Configuration, patience: Duration) {
    self.configuration = configuration
    self.patience = patience
  }

  func run(
    _ chosen: ChosenConflicts, where isMeant: (ConflictRecord) -> Bool,
    _ work: (ConflictRecord) -> ControlRequest.Work
  ) async throws {
    let assembly = try await Assembly(configuration)
    let reader = try await ChangeLog(path: configuration.log, access: .reader)
    let conflicts = try await chosen.conflicts(configuration, reader, where: isMeant)
    var logger = Logger(label: "tidemark")
    logger.logLevel = .error
    var isAllDone = true
    for conflict in conflicts {
      guard let link = try assembly.links(named: [conflict.link.description]).first else { continue }
      let work = work(conflict)
      let isDone = try await Errands.run(assembly, [link], logger: logger) { errands in
        _ = try await errands.carryOut(work, of: link, patience: patience)
        let now = try await errands.log.conflict(conflict.id)
        print(ShownText.plain("conflict \(conflict.id): " + Self.words(now, of: work)))
        if case .undo = work { return now?.decision == nil }
        return now?.decision != nil
      }
      isAllDone = isAllDone && isDone
    }
    if !isAllDone { throw ExitStatus.tryAgain }
  }

  private static func words(_ conflict: ConflictRecord?, of work: ControlRequest.Work) -> String {
    switch (work, conflict?.outcome) {
    case (.undo, nil): "open again; both sides get what they held"
    case (.undo, let outcome?): outcome
    case (_, let outcome?): outcome
    case (_, nil): "open still: a side moved on, or what was decided is not written yet"
    }
  }
}
