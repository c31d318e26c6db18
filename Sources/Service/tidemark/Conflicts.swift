import ArgumentParser
import Changes
import Config
import JSON
import Log
import Runtime
import Server

struct Conflicts: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "What both sides changed to different values: list it, look at it, decide it, take the decision back.",
    subcommands: [
      ListConflicts.self, ShowConflicts.self, ResolveConflicts.self, UndoConflicts.self, RehearseConflicts.self,
    ],
    defaultSubcommand: ListConflicts.self)
}

struct ListConflicts: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the conflicts, and who won.")

  @OptionGroup var options: ConfigurationOptions
  @Flag(help: "Only those nobody has decided.") var open = false
  @Option(help: "At most this many, the newest.") var limit = 100
  @Flag(help: "Print JSON.") var json = false

  func run() async throws {
    try await ExitStatus.reporting {
      let log = try await ChangeLog(path: try options.load().log, access: .reader)
      let conflicts = try await log.conflicts(openOnly: open, limit: limit)
      if json { return print(JSONValue.array(conflicts.map(\.json)).text) }
      if conflicts.isEmpty { print("no conflicts") }
      for conflict in conflicts { print(ShownText.plain(conflict.text)) }
    }
  }
}

struct ShowConflicts: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show a conflict, or those of a record: what it was, and what both sides made of it."
  )

  @OptionGroup var options: ConfigurationOptions
  @OptionGroup var chosen: ChosenConflicts
  @Flag(help: "Print JSON.") var json = false

  func run() async throws {
    try await ExitStatus.reporting {
      let configuration = try options.load()
      let log = try await ChangeLog(path: configuration.log, access: .reader)
      let conflicts = try await chosen.conflicts(configuration, log) { _ in true }
      if json { return print(JSONValue.array(conflicts.map(\.json)).text) }
      for conflict in conflicts { for line in conflict.page { print(ShownText.plain(line)) } }
    }
  }
}

/// Which conflicts a command is about.
struct ChosenConflicts: ParsableArguments {
  @Argument(help: "The conflict's number; or a link and a record's key in the database or id in the application.")
  var conflict: [String]
  @Option(help: "Only this column of the record; may be repeated.") var field: [String] = []

  func validate() throws {
    guard conflict.count == 2 || (conflict.count == 1 && Int64(conflict[0]) != nil) else {
      throw ValidationError("name one conflict by its number, or a record by its link and key")
    }
    if conflict.count == 1, !field.isEmpty { throw ValidationError("--field belongs to a link and a key") }
  }

  /// The newest of each column that satisfies `isMeant`.
  /// - Throws: `Failure` where there is none.
  func conflicts(
    _ configuration: Configuration, _ log: ChangeLog, where isMeant: (ConflictRecord) -> Bool
  ) async throws -> [ConflictRecord] {
    var found: [ConflictRecord] = []
    if conflict.count == 1, let id = Int64(conflict[0]) {
      found = [try await log.conflict(id)].compactMap { $0 }
    } else {
      let link = try configuration.links(named: [conflict[0]])[0]
      let keys = RecordKey.typed(conflict[1]).map(\.encoded) + [RecordKey(.string(conflict[1])).encoded]
      for candidate in try await log.conflicts(of: link.name, openOnly: false, limit: .max)
      where (keys.contains(candidate.localKey) || keys.contains(candidate.remoteKey)) && isMeant(candidate) {
        let isNamed = field.isEmpty || field.contains(candidate.field ?? "")
        if isNamed, !found.contains(where: { $0.field == candidate.field }) { found.append(candidate) }
      }
    }
    guard !found.isEmpty else {
      throw Failure(
        code: "usage.conflict", message: "there is no such conflict; `tidemark conflicts` lists those there are")
    }
    return found
  }
}

extension ConflictRecord {
  fileprivate var text: String {
    """
    \(id)  \(link) \(keyText)\(field.map { " " + $0 } ?? ""): base \(Self.shown(base)), database \(Self.shown(local)), \
    application \(Self.shown(remote)): \(outcome ?? "open") (policy \(policyName))
    """
  }

  fileprivate var page: [String] {
    let what = field.map { "field \($0)" } ?? "the whole record"
    let state =
      outcome.map { "\($0), policy \(policyName)" } ?? (order == nil ? "open" : "open; a decision is on its way")
    return [
      "conflict \(id): \(link) \(keyText), \(what) (\(kind), met with sequence \(sequence))",
      "  base         \(Self.shown(base))",
      "  database     \(Self.shown(local))\(Self.when(localAt))",
      "  application  \(Self.shown(remote))\(Self.when(remoteAt))",
      "  \(state)",
    ]
  }

  fileprivate static func shown(_ value: JSONValue?) -> String { value?.text ?? "(none)" }

  private static func when(_ time: Timestamp?) -> String { time.map { "  (changed \($0.text))" } ?? "" }

  var json: JSONValue {
    [
      "id": .integer(id), "link": .string(link.description), "local_key": .string(keyText), "kind": .string(kind),
      "field": field.map { .string($0) } ?? .null, "base": base ?? .null, "database": local ?? .null,
      "application": remote ?? .null, "policy": .string(policyName), "winner": winnerName.map { .string($0) } ?? .null,
      "outcome": value ?? .null, "sequence": .integer(sequence.number),
    ]
  }

  private var value: JSONValue? {
    switch decision {
    case .side(.local)?: local
    case .side(.remote)?: remote
    case .value(let value)?: value
    case nil: nil
    }
  }
}
