import ArgumentParser
import Changes
import Config
import Foundation
import Log
import Logging
import Runtime
import Telemetry

struct Run: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Replicate until interrupted.",
    discussion: "Stops within ten seconds of SIGINT or SIGTERM. A kill -9 is safe: the next start goes on where it was."
  )

  @OptionGroup var options: ConfigurationOptions
  @Option(help: "trace, debug, info, notice, warning, error or critical.", transform: Self.level)
  var logLevel = Logger.Level.notice

  func run() async throws {
    try await ExitStatus.reporting {
      LoggingSystem.bootstrap(StreamLogHandler.standardError)
      var logger = Logger(label: "tidemark")
      logger.logLevel = logLevel

      let configuration = try options.load()
      try makeFolder(of: configuration.log)
      let log = try await ChangeLog(path: configuration.log, access: .writer)
      let assembly = try await Assembly(configuration, images: log)
      try await requireAttachment(assembly)
      let service = ReplicationService(
        assembly, log: log, telemetry: Telemetry(version: tidemarkVersion), logger: logger)
      let host = configuration.http.host
      try await service.run { port in
        printError("tidemark: running; status at http://\(host):\(port)/")
      }
    }
  }

  private static func level(_ text: String) throws -> Logger.Level {
    guard let level = Logger.Level(rawValue: text) else { throw ValidationError("there is no log level '\(text)'") }
    return level
  }

  /// Attaching changes somebody's database, so it is never done unasked.
  private func requireAttachment(_ assembly: Assembly) async throws {
    for (name, database) in assembly.databases {
      let tables = assembly.configuration.capturedTables(of: name)
      guard !tables.isEmpty, !(try await database.attachPlan(tables).isEmpty) else { continue }
      printError(
        "tidemark: \(name) is not attached, or not all of it. Run `tidemark attach` (with --dry-run to see the SQL).")
      throw ExitStatus.configuration
    }
  }
}

/// Makes the folder that a log is to stand in.
func makeFolder(of log: String) throws {
  // What travels may be personal data: nobody else reads the log or the folder made for it.
  umask(0o077)
  let folder = URL(fileURLWithPath: log).deletingLastPathComponent()
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
}
