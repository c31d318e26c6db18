import ArgumentParser
import Changes
import Config
import JSON
import Log
import Replay
import Runtime
import Server

struct PlanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "Show what would be sent for what is pending now, and send nothing.",
    discussion: """
      Each record is told once, as it would be written if it were its turn: both sides are read. Ends with 3 if something \
      would be written. Values are shown; they may be personal data.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Argument(help: "The links; all of them where none is named.") var links: [String] = []
  @Option(help: "Not what is pending, but the last so many changes that the log holds, as if they came now.")
  var last: Int?
  @Option(help: "At most this many records of each link and direction.") var limit = 1000
  @Flag(help: "Print JSON.") var json = false

  func validate() throws {
    guard limit > 0, last.map({ $0 > 0 }) ?? true else { throw ValidationError("numbers are at least 1") }
  }

  func run() async throws {
    try await ExitStatus.reporting {
      let assembly = try await Assembly(try options.load())
      let log = try await ChangeLog(path: assembly.configuration.log, access: .reader)
      var writes = 0
      var ways: [JSONValue] = []
      for link in try assembly.links(named: links) {
        for direction in assembly.directions(of: link.name) {
          let plan = DeliveryPlan(link, direction, log: log)
          let changes =
            if let last { try await plan.latest(last) } else { try await plan.pending(limit: limit) }
          let tally = try await show(changes, plan)
          writes += tally.writes
          if json { ways.append(tally.json(plan)) } else { print(try await tally.line(plan, log)) }
        }
      }
      if json { print(JSONValue.array(ways).text) }
      if writes > 0 { throw ExitStatus.differences }
    }
  }

  private func show(_ changes: DeliveryPlan.Changes, _ plan: DeliveryPlan) async throws -> Tally {
    var tally = Tally(isCut: changes.isCut)
    for logged in changes.changes {
      let preview = try await plan.preview(logged)
      let statements = try await plan.statements(preview)
      tally.count(preview)
      if json { tally.records.append(Self.json(logged, preview, statements)) }
      guard !json, !statements.isEmpty else { continue }
      let change = logged.change
      print(
        ShownText.plain("\(plan.link.name) \(plan.direction): \(change.operation) at \(change.endpoint) \(change.key)"))
      for statement in statements { print("  " + ShownText.plain(statement)) }
    }
    return tally
  }

  private static func json(_ logged: LoggedChange, _ preview: DeliveryPreview, _ statements: [String]) -> JSONValue {
    let outcome: JSONValue =
      switch preview {
      case .nothing: .null
      case .held(let failure): .string(failure.message)
      case .write(let write): .string("\(write.action)")
      }
    return [
      "sequence": .integer(logged.sequence.number), "key": .string(logged.change.key.description),
      "operation": .string("\(logged.change.operation)"), "outcome": outcome,
      "statements": .array(statements.map { .string($0) }),
    ]
  }

  /// How many records of a link and direction would be written in which way.
  private struct Tally {
    var creates = 0
    var updates = 0
    var deletes = 0
    var unchanged = 0
    var held = 0
    let isCut: Bool
    var records: [JSONValue] = []

    init(isCut: Bool) { self.isCut = isCut }

    var writes: Int { creates + updates + deletes }

    mutating func count(_ preview: DeliveryPreview) {
      switch preview {
      case .nothing: unchanged += 1
      case .held: held += 1
      case .write(let write):
        switch write.action {
        case .create: creates += 1
        case .update: updates += 1
        case .delete: deletes += 1
        }
      }
    }

    func line(_ plan: DeliveryPlan, _ log: ChangeLog) async throws -> String {
      var line =
        "\(plan.link.name) \(plan.direction): \(creates) creates, \(updates) updates, \(deletes) deletes,"
        + " \(unchanged) unchanged, \(held) waiting"
      if isCut { line += "; there is more (--limit)" }
      let records = try await log.linkedCount(of: plan.link.name)
      for (action, count) in [(Write.Action.delete, deletes), (.update, updates)] {
        guard let most = plan.link.guards[plan.direction]?.most(action, of: records), count > most else { continue }
        line += "; more than \(most) \(action)s are held until `tidemark approve \(plan.link.name)`"
      }
      return line
    }

    func json(_ plan: DeliveryPlan) -> JSONValue {
      [
        "link": .string(plan.link.name.description), "direction": .string("\(plan.direction)"),
        "creates": .integer(creates), "updates": .integer(updates), "deletes": .integer(deletes),
        "unchanged": .integer(unchanged), "waiting": .integer(held), "is_cut": .bool(isCut), "records": .array(records),
      ]
    }
  }
}
