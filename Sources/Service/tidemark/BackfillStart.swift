import ArgumentParser
import Changes
import Config
import Foundation
import JSON
import Log
import Reconcile
import Runtime
import Verify

struct BackfillStart: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start", abstract: "Read a side of links, whole or in part. This is what `backfill` does by itself.")

  enum Origin: String, ExpressibleByArgument, CaseIterable { case database, application }

  @OptionGroup var options: ConfigurationOptions
  @Argument(help: "The links to read; all of them where none is named.") var links: [String] = []
  @Option(help: "The side to read: database or application.") var from: Origin = .database
  @Option(name: .customLong("where"), help: "Only rows for which this condition holds, in the database's own SQL.")
  var condition: String?
  @Option(help: "Only what changed since: 2026-11-24T10:00:00Z, 2026-11-24, or so long ago: 2h, 7d.")
  var since: TimeArgument?
  @Option(help: "Only these records: a file with a key on each line, or - for standard input.") var keys: String?
  @Option(help: "At most so many rows a second, for example 500/s.") var rate: RateArgument?
  @Option(help: "Rest while live changes are further behind than this.") var maxLag = DurationArgument(
    duration: BackfillOptions.usualMostLag)
  @Option(
    help: "Read a large PostgreSQL table in so many parts side by side, whole; with --log-only it is the fastest way.")
  var parallel = 1
  @Flag(help: "Read everything into the log without waiting for its delivery.") var logOnly = false
  @Flag(help: "Say what would be read, and read nothing.") var dryRun = false
  @Flag(help: "Return at once instead of waiting for the end.") var detach = false
  @Flag(help: "Print JSON, a line at a time.") var json = false
  @OptionGroup(title: "First meeting of two sides that both hold records") var meeting: MeetingOptions

  func validate() throws {
    try meeting.validate(hasSelection: keys != nil || condition != nil || since != nil || from == .application)
    if meeting.yes, dryRun { throw ValidationError("--dry-run and --yes exclude each other") }
    guard (1...16).contains(parallel) else { throw ValidationError("--parallel takes a number from 1 to 16") }
    if parallel > 1, keys != nil || condition != nil || since != nil || from == .application || meeting.match {
      throw ValidationError(
        "--parallel reads a table whole: no --from application, --where, --since, --keys or --match")
    }
    if keys != nil, condition != nil || since != nil {
      throw ValidationError("--keys names the records: it goes with neither --where nor --since")
    }
    if keys != nil, links.count != 1 { throw ValidationError("--keys needs the one link whose keys they are") }
    if condition != nil, from == .application { throw ValidationError("--where is SQL: it is for --from database") }
  }

  func run() async throws {
    try await ExitStatus.reporting {
      let configuration = try options.load()
      let desk = try await BackfillDesk(configuration)
      if meeting.match { return try await match(desk, configuration) }
      let plans = try await desk.plans(
        links, from == .database ? .local : .remote,
        BackfillOptions(
          selection: BackfillSelection(condition: condition, since: since?.moment(before: .now)),
          rowsPerSecond: rate?.perSecond, mostLag: maxLag.duration, isLogOnly: logOnly, parts: parallel),
        keys: try keys.map(readKeys))
      if dryRun { return plans.forEach(show) }
      try makeFolder(of: configuration.log)
      let (log, isOurs) = try await ChangeLog.forCommand(configuration)
      try await carryOut(plans, desk, log, isOurs: isOurs)
    }
  }

  private func carryOut(_ plans: [BackfillDesk.Plan], _ desk: BackfillDesk, _ log: ChangeLog, isOurs: Bool) async throws
  {
    let ids = try await desk.request(plans, log)
    guard !detach else {
      let how = isOurs ? "it starts with `tidemark run`" : "the service carries it out"
      for (id, plan) in zip(ids, plans) { print("\(plan.link): backfill \(id) is noted; \(how)") }
      return
    }
    try await BackfillProgress(isJSON: json).follow(ids, desk, log, isOurs: isOurs)
  }

  /// Both sides are looked at; with `--yes` they are brought together, link by link: a child finds what its parents became.
  private func match(_ desk: BackfillDesk, _ configuration: Configuration) async throws {
    try makeFolder(of: configuration.log)
    let (log, isOurs) = try await ChangeLog.forCommand(configuration)
    let output = MeetingOutput(isJSON: json)
    var plans: [BackfillDesk.Plan] = []
    var isWork = false
    for link in try desk.links(named: links) {
      let progress = output.progress(link)
      let first = try desk.meeting(of: link, log, meeting.policy, allowsCreates: meeting.allowCreates)
      let findings = try await first.look { progress.show($0, $1) }
      output.show(findings.figures, link)
      isWork = isWork || findings.figures.isWork
      guard meeting.yes else { continue }
      let options = BackfillOptions(
        rowsPerSecond: rate?.perSecond, mostLag: maxLag.duration, isLogOnly: logOnly,
        firstContact: meeting.policy?.rawValue)
      let (linked, rest) = try await first.bringTogether(findings, options)
      output.tell(linked, link)
      plans += rest
    }
    guard meeting.yes else {
      if isWork { throw ExitStatus.differences }
      return
    }
    if !plans.isEmpty { try await carryOut(plans, desk, log, isOurs: isOurs) }
  }

  /// One key a line: a JSON array for a key of several columns, else the text as it is.
  private func readKeys(_ path: String) throws -> [RecordKey] {
    let text: String
    if path == "-" {
      text = String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self)
    } else {
      guard let content = try? String(contentsOfFile: path, encoding: .utf8) else {
        throw Failure(code: "usage.keys", message: "there is no file \(path) of keys that can be read")
      }
      text = content
    }
    var known: Set<RecordKey> = []
    var keys: [RecordKey] = []
    for line in text.split(whereSeparator: \.isNewline).map({ $0.trimmingCharacters(in: .whitespaces) })
    where !line.isEmpty {
      let key: RecordKey =
        switch try? JSONValue(parsing: line) {
        case .array(let values)?: RecordKey(values)
        case .string(let text)?: RecordKey(.string(text))
        default: RecordKey(.string(line))
        }
      if known.insert(key).inserted { keys.append(key) }
    }
    guard !keys.isEmpty else { throw Failure(code: "usage.keys", message: "\(path) names no key") }
    return keys
  }

  private func show(_ plan: BackfillDesk.Plan) {
    if json {
      return print(
        JSONValue.object([
          "link": .string(plan.link.description), "endpoint": .string(plan.endpoint.description),
          "total": plan.total.map { .integer($0.rows) } ?? .null,
          "total_is_exact": plan.total.map { .bool($0.isExact) } ?? .null,
        ]).text)
    }
    let amount =
      plan.total.map { "\($0.isExact ? "" : "about ")\($0.rows) \(plan.keys == nil ? "rows" : "keys")" }
      ?? "an unknown number of records"
    print("\(plan.link): would read \(amount) of \(plan.endpoint)")
  }
}
