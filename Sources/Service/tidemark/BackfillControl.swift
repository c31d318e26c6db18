import ArgumentParser
import Changes
import Config
import JSON
import Log
import Runtime
import Server

struct BackfillList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Every backfill there was, oldest first.")

  @OptionGroup var options: ConfigurationOptions
  @Flag(help: "Print JSON.") var json = false

  func run() async throws {
    try await ExitStatus.reporting {
      let configuration = try options.load()
      let log = try await ChangeLog(path: configuration.log, access: .reader)
      let backfills = try await log.backfills().map { StatusReport.Backfill($0, configuration) }
      if json { return print(JSONValue.array(backfills.map(\.json)).text) }
      print(backfills.isEmpty ? "no backfills" : StatusReport.table(backfills).joined(separator: "\n"))
    }
  }
}

struct BackfillPause: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause", abstract: "Let a backfill rest until it is resumed.")

  @OptionGroup var options: ConfigurationOptions
  @Argument(help: "The number of the backfill.") var id: Int64

  func run() async throws {
    try await ExitStatus.reporting {
      let log = try await ChangeLog(path: try options.load().log, access: .reader)
      let backfill = try await log.pauseBackfill(id)
      print(
        "backfill \(id) of \(backfill.link) is paused after \(backfill.rows) rows; `tidemark backfill resume \(id)`")
    }
  }
}

struct BackfillResume: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume", abstract: "Let a backfill go on where it was paused, interrupted or failed.")

  @OptionGroup var options: ConfigurationOptions
  @Argument(help: "The number of the backfill.") var id: Int64
  @Flag(help: "Return at once instead of waiting for the end.") var detach = false
  @Flag(help: "Print JSON, a line at a time.") var json = false

  func run() async throws {
    try await ExitStatus.reporting {
      let configuration = try options.load()
      let desk = try await BackfillDesk(configuration)
      let (log, isOurs) = try await ChangeLog.forCommand(configuration)
      let backfill = try await log.resumeBackfill(id)
      if detach { return print("backfill \(id) of \(backfill.link) goes on after \(backfill.rows) rows") }
      try await BackfillProgress(isJSON: json).follow([id], desk, log, isOurs: isOurs)
    }
  }
}

struct BackfillCancel: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel", abstract: "End a backfill for good. What was read already stays in the log and is delivered."
  )

  @OptionGroup var options: ConfigurationOptions
  @Argument(help: "The number of the backfill.") var id: Int64

  func run() async throws {
    try await ExitStatus.reporting {
      let log = try await ChangeLog(path: try options.load().log, access: .reader)
      let backfill = try await log.cancelBackfill(id)
      print("backfill \(id) of \(backfill.link) is cancelled after \(backfill.rows) rows")
    }
  }
}
