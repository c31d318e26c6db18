import ArgumentParser
import Changes
import Foundation
import JSON
import Runtime
import Server

struct Status: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "How far everything is, from the running service or from its log.",
    discussion: """
      EXAMPLES
        tidemark status
        tidemark status --watch        again every two seconds, until Ctrl-C
        tidemark status --json | jq '.links[] | {name, lag: .push.replay_lag_seconds}'
      """)

  @OptionGroup var options: ConfigurationOptions
  @Flag(help: "Print JSON; with --watch a line each time.") var json = false
  @Flag(help: "Show it again and again.") var watch = false
  @Flag(help: "End with 69 unless a service runs.") var running = false
  @Option(help: "How often, with --watch.") var every = DurationArgument(duration: .seconds(2))

  func run() async throws {
    try await ExitStatus.reporting {
      let query = StatusQuery(try options.load())
      guard watch else {
        let report = try await query.report()
        show(report)
        if running, !report.service.isRunning { throw ExitStatus.unavailable }
        return
      }
      while true {
        let report = try await query.report()
        // A terminal is drawn over; a pipe gets one report after the other.
        if !json, isatty(STDOUT_FILENO) == 1 { print("\u{1B}[H\u{1B}[2J", terminator: "") }
        show(report)
        fflush(nil)
        try await Task.sleep(for: every.duration)
      }
    }
  }

  private func show(_ report: StatusReport) { print(json ? report.json.text : report.text) }
}
