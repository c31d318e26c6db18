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
    discussion: """
      EXAMPLES
        tidemark run
        tidemark run --log-format json --log-level info

      Stops within ten seconds of SIGINT or SIGTERM, reads its configuration again at SIGHUP. A kill -9 is safe: the next \
      start goes on where it was.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Option(help: "trace, debug, info, notice, warning, error or critical.", transform: Self.level)
  var logLevel = Logger.Level.notice
  @Option(help: "How log lines look: text or json.") var logFormat = ServiceLog.Format.text

  func run() async throws {
    try await ExitStatus.reporting {
      let (format, sink) = (logFormat, ServiceLog.Sink { FileHandle.standardError.write(Data($0.utf8)) })
      LoggingSystem.bootstrap { ServiceLog($0, format: format, sink: sink) }
      var logger = Logger(label: "tidemark")
      logger.logLevel = logLevel

      let configuration = try options.load()
      try makeFolder(of: configuration.log)
      let log = try await ChangeLog(path: configuration.log, access: .writer)
      let assembly = try await Assembly(configuration, images: log)
      try await assembly.requireAttachment()
      let options = options
      let service = ServiceProcess(
        assembly, log: log, telemetry: Telemetry(version: tidemarkVersion), logger: logger,
        systemd: Systemd(environment: ProcessInfo.processInfo.environment)
      ) { try options.load() }
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
}

extension ServiceLog.Format: ExpressibleByArgument {}

/// Makes the folder that a log is to stand in.
func makeFolder(of log: String) throws {
  // What travels may be personal data: nobody else reads the log or the folder made for it.
  umask(0o077)
  let folder = URL(fileURLWithPath: log).deletingLastPathComponent()
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
}
