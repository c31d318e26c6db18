import Changes
import Config
import Log
import Logging

/// Reads the configuration again for a running service: shows what is different, refuses what cannot be run, and hands over
/// what the next generation of loops is made of.
actor ReloadDesk {
  /// What the next generation is made of, and who asked for it.
  struct Next: Sendable {
    let assembly: Assembly
    let request: ControlRequest?
    let summary: String
  }

  private let load: @Sendable () throws -> Configuration
  private let log: ChangeLog
  private let logger: Logger
  private var current: Configuration
  private var next: Next?
  private let bell: AsyncStream<Void>.Continuation
  /// Rings when a generation is to give way to the next one.
  nonisolated let bells: AsyncStream<Void>

  init(
    _ current: Configuration, log: ChangeLog, logger: Logger, load: @escaping @Sendable () throws -> Configuration
  ) {
    self.current = current
    self.log = log
    self.logger = logger
    self.load = load
    (bells, bell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// - Parameter request: who asked; nil for a signal. It is ended here, or where the old generation has ended.
  /// - Throws: why the configuration is refused; nothing has changed then.
  func reload(for request: ControlRequest?, isDryRun: Bool) async throws {
    let configuration = try load()
    let difference = ConfigurationDifference(from: current, to: configuration)
    guard difference.needsRestart.isEmpty else {
      throw Failure(
        code: "reload.restart",
        message: "this takes a restart of the service: \(difference.needsRestart.joined(separator: "; "))")
    }
    let assembly = try await Assembly(configuration, images: log)
    try await assembly.requireAttachment()
    let summary =
      difference.lines.isEmpty
      ? "no setting is different; secrets and manifests are read again" : difference.lines.joined(separator: "\n")
    if isDryRun {
      if let request { try await log.end(request, message: summary) }
      return
    }
    if let overtaken = next?.request { try await log.end(overtaken, message: summary) }
    next = Next(assembly: assembly, request: request, summary: summary)
    bell.yield()
  }

  var hasNext: Bool { next != nil }

  /// What the next generation is made of; nil if nobody asked for one. From here on it is the current one.
  func takeNext() async -> Next? {
    guard let taken = next else { return nil }
    next = nil
    current = taken.assembly.configuration
    logger.notice("the configuration was read again: \(taken.summary.split(separator: "\n").joined(separator: "; "))")
    if let request = taken.request { try? await log.end(request, message: taken.summary) }
    return taken
  }
}
