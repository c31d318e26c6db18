import ArgumentParser
import Changes
import Config
import JSON
import Log
import Logging
import Replay
import Runtime
import Verify

struct VerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Compare both sides of the links, record by record.",
    discussion: """
      Changes on their way do not count as differences. Ends with 3 if something differs. With --repair it shows what would \
      be written to make the sides equal; with --yes it is written, through the log like any other change.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Argument(help: "The links to compare; all of them where none is named.") var links: [String] = []
  @Option(help: "Compare only so many of the known records, chosen at random.") var sample: Int?
  @Option(help: "Compare only what changed since: \(Moment.forms).") var since: Moment?
  @Option(help: "Seconds to wait for changes on their way.") var patience = 30.0
  @Flag(help: "Show the values that differ. They may be personal data.") var values = false
  @Flag(help: "Print JSON.") var json = false
  @Flag(help: "Show what would be written to make the sides equal.") var repair = false
  @Option(help: "Who is right where the sides differ: database, application, or the link's policy.")
  var prefer = Preference.policy
  @Flag(help: "Write it.") var yes = false
  @Flag(help: "Write it even if more than a fifth of the records would be deleted.") var allowDeletes = false

  enum Preference: String, ExpressibleByArgument, CaseIterable {
    case database, application, policy

    var side: Side? {
      switch self {
      case .database: .local
      case .application: .remote
      case .policy: nil
      }
    }
  }

  func validate() throws {
    if sample != nil, since != nil { throw ValidationError("--sample and --since exclude each other") }
    if let sample, sample < 1 { throw ValidationError("--sample takes a number from 1 on") }
    if !repair, yes || allowDeletes || prefer != .policy {
      throw ValidationError("--yes, --prefer and --allow-deletes belong to --repair")
    }
  }

  func run() async throws {
    try await ExitStatus.reporting {
      let assembly = try await Assembly(try options.load())
      let log = try await ChangeLog(path: assembly.configuration.log, access: .reader)
      let output = VerifyOutput(isJSON: json, showsValues: values)
      var remaining: Int64 = 0
      output.begin()
      for link in try assembly.links(named: links) { remaining += try await verify(link, assembly, log, output) }
      output.end()
      if remaining > 0 { throw ExitStatus.differences }
    }
  }

  /// - Returns: how many records differ in the end.
  private func verify(
    _ link: Link, _ assembly: Assembly, _ log: ChangeLog, _ output: VerifyOutput
  ) async throws -> Int64 {
    let directions = assembly.directions(of: link.name)
    let mending = RecordRepair(link, directions: directions)
    let winner = try mending.winner(preferring: prefer.side)
    let verification = Verification(
      link, directions: directions, log: log, witness: Errands.serviceWitness(of: link, log))
    var plan = RepairPlan(link: link, winner: winner)
    let backfills = try await log.backfills(of: link.name)
    if backfills.contains(where: \.state.isActive) {
      printError("tidemark: a backfill of \(link.name) is under way: what it has not read yet counts as different")
    }
    output.begin(link)
    let figures = try await verification.run(try await scope(log), patience: .seconds(patience)) { difference in
      plan.add(difference)
      guard repair, !yes else { return output.show(difference, link, []) }
      let writes = try await mending.preview(difference.record, winner: winner, log: log)
      output.show(difference, link, writes)
    }
    if since == nil { try await log.remember(figures, of: link.name) }
    output.end(link, figures, directions)
    guard repair, yes, !plan.records.isEmpty else { return figures.differences }
    try plan.requireFewDeletes(of: figures.compared, isAllowed: allowDeletes)
    return try await Self.act(plan, link, assembly, prefer.side, .seconds(patience), output) + plan.left
  }

  private func scope(_ log: ChangeLog) async throws -> Verification.Scope {
    if let sample { return .sample(sample) }
    if let since { return .since(try await log.place(since: since)) }
    return .everything
  }

  /// - Returns: how many of the records still differ.
  private static func act(
    _ plan: RepairPlan, _ link: Link, _ assembly: Assembly, _ prefer: Side?, _ patience: Duration,
    _ output: VerifyOutput
  ) async throws -> Int64 {
    var logger = Logger(label: "tidemark")
    logger.logLevel = .error
    return try await Errands.run(assembly, [link], logger: logger) { errands in
      for part in plan.parts {
        _ = try await errands.carryOut(.repair(part, prefer: prefer), of: link, patience: patience)
      }
      let verification = Verification(
        link, directions: assembly.directions(of: link.name), log: errands.log, witness: errands.witness(of: link))
      let after = try await verification.look(again: plan.records, patience: patience)
      output.repaired(link, after)
      return after.differences
    }
  }
}
