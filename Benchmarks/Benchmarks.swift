import ArgumentParser
import Glibc
import JSON

/// Measures the built product from outside, beside limits that are taken in the same run. `scripts/bench` builds both,
/// starts a private PostgreSQL and calls this.
@main
struct Benchmarks: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure Tidemark: one line a figure, then all of them as one line of JSON.",
    discussion: """
      SCENARIO: latency, throughput, idle, backfill, reconcile, or capture with one of wal, commit, writer, trigger, cost, sqlite; \
      without any, everything.
      """)

  @Argument(help: "What to measure.") var scenario: [String] = []
  @Option(help: "How often each figure is taken; the median counts.") var runs = 5
  @Option(help: "Changes or rows of one run of `capture wal`, `capture trigger` and `backfill`.") var changes =
    1_000_000
  @Option(help: "Seconds of one run of everything that is measured for a while.") var seconds = 5
  @Option(help: "A folder for scratch files.") var folder: String
  @Option(help: "The built program.") var tidemark: String
  @Option(help: "The URL of a PostgreSQL database to measure with.") var postgres: String
  @Option(help: "The folder of PostgreSQL's own programs.") var postgresPrograms: String

  func validate() throws {
    guard selected != nil else { throw ValidationError("there is no scenario '\(scenario.joined(separator: " "))'") }
    guard runs > 0, changes > 0, seconds > 0 else { throw ValidationError("numbers are at least 1") }
  }

  func run() async throws {
    let place = Workplace(
      folder: folder, tidemark: tidemark, postgres: postgres, programs: postgresPrograms, runs: runs, changes: changes,
      seconds: seconds)
    var figures: [Figure] = []
    for scenario in selected ?? [] {
      try await scenario.measure(place) { figure in
        print(figure.line)
        fflush(nil)
        figures.append(figure)
      }
    }
    print(JSONValue.array(figures.map(\.json)).text)
  }

  /// The scenarios whose names begin with the words given.
  private var selected: [Scenario]? {
    let chosen = Scenario.all.filter { $0.words.starts(with: scenario) }
    return chosen.isEmpty ? nil : chosen
  }
}

/// Something that is measured.
struct Scenario {
  let words: [String]
  let measure: (Workplace, (Figure) -> Void) async throws -> Void

  static var all: [Scenario] {
    [
      Scenario(words: ["latency"], measure: measureLatency),
      Scenario(words: ["throughput"], measure: measureThroughput),
      Scenario(words: ["idle"], measure: measureIdle),
      Scenario(words: ["backfill"], measure: measureBackfill),
      Scenario(words: ["reconcile"]) { try measureReconcile($0, $1) },
      Scenario(words: ["capture", "wal"], measure: measureWAL),
      Scenario(words: ["capture", "commit"], measure: measureCommitToLog),
      Scenario(words: ["capture", "writer"], measure: measureWALWriter),
      Scenario(words: ["capture", "trigger"], measure: measureOutbox),
      Scenario(words: ["capture", "cost"], measure: measureTriggerCost),
      Scenario(words: ["capture", "sqlite"], measure: measureSQLite),
    ]
  }
}

/// What the scenarios work with.
struct Workplace: Sendable {
  let folder: String
  let tidemark: String
  let postgres: String
  let programs: String
  let runs: Int
  let changes: Int
  let seconds: Int
}
