import Changes
package import Config
package import Log
package import Logging
import Replay
import Server
import ServiceLifecycle
import Synchronization
package import Telemetry
import UnixSignals

/// `tidemark run`: one generation of loops after the other, each made from the configuration as it was then, with the log and
/// the server beside them. A generation gives way to the next one as it would to a restart: what is under way ends, the rest
/// is read from the log.
package final class ServiceProcess: Sendable {
  private let first: ReplicationService
  private let current: Mutex<ReplicationService>
  private let desk: ReloadDesk
  private let systemd: Systemd
  private let started = ContinuousClock.now

  /// - Parameter load: reads the configuration again.
  package init(
    _ assembly: Assembly, log: ChangeLog, telemetry: Telemetry, logger: Logger, systemd: Systemd,
    load: @escaping @Sendable () throws -> Configuration
  ) {
    first = ReplicationService(assembly, log: log, telemetry: telemetry, logger: logger)
    current = Mutex(first)
    self.systemd = systemd
    desk = ReloadDesk(assembly.configuration, log: log, logger: logger, load: load)
  }

  /// Runs until SIGINT or SIGTERM, or until a part fails for good. SIGHUP reads the configuration again.
  /// - Parameter onListening: called once with the port of the server.
  package func run(onListening: @escaping @Sendable (Int) async -> Void) async throws {
    try await first.prepare()
    // A group stops in reverse: the server first.
    let services: [any Service] = [
      Generations(process: self), HangUp(desk: desk, logger: first.logger), systemd.heartbeat(first.log),
      server { [systemd] port in
        await onListening(port)
        systemd.isReady()
      },
    ]
    var configuration = ServiceGroupConfiguration(
      services: services.map { .init(service: $0) }, gracefulShutdownSignals: [.sigint, .sigterm],
      logger: first.logger.forGroups)
    configuration.maximumGracefulShutdownDuration = ReplicationService.longestShutdown
    try await ServiceGroup(configuration: configuration).run()
  }

  private func server(_ onListening: @escaping @Sendable (Int) async -> Void) -> any Service {
    let http = first.assembly.configuration.http
    var configuration = StatusServerConfiguration(host: http.host, port: http.port, logger: first.logger)
    configuration.token = http.token?.revealed()
    return StatusServer(
      configuration: configuration, telemetry: first.telemetry,
      api: API(
        log: first.log, status: { [self] in try await current.withLock { $0 }.report(since: started) },
        story: { [self] link, key in
          let generation = current.withLock { $0 }
          guard let settings = generation.assembly.configuration.links.first(where: { $0.name.description == link })
          else { return nil }
          return try await Explanation(settings, key: key, log: generation.log).json
        }),
      webhook: { [self] call in
        await current.withLock { $0 }.judge(call)
      }, onListening: onListening)
  }

  /// Runs the loops of a generation until it gives way or the service stops.
  private struct Generations: Service {
    let process: ServiceProcess

    func run() async throws {
      var generation = process.first
      while true {
        try await runOne(generation)
        guard let next = await process.desk.takeNext() else { return }
        process.systemd.isReloading()
        defer { process.systemd.isReady() }
        let (log, telemetry, logger) = (generation.log, generation.telemetry, generation.logger)
        let former = generation
        generation = ReplicationService(next.assembly, log: log, telemetry: telemetry, logger: logger)
        do {
          try await generation.prepare()
        } catch {
          logger.error("the new configuration cannot be run, the last one goes on: \(error)")
          generation = former
        }
        for stall in telemetry.stalls { telemetry.clear(stall.stage, stall.name) }
        for link in former.assembly.links where !generation.assembly.links.contains(where: { $0.name == link.name }) {
          telemetry.forget(link: link.name)
        }
        process.current.withLock { $0 = generation }
      }
    }

    private func runOne(_ generation: ReplicationService) async throws {
      let group = generation.group { [desk = process.desk] request in
        guard case .reload(let isDryRun) = request.work else { return }
        try await desk.reload(for: request, isDryRun: isDryRun)
      }
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await group.run() }
        tasks.addTask { [desk = process.desk] in
          // A bell may be left of a reload that the last one overtook.
          for await _ in desk.bells where await desk.hasNext { return await group.triggerGracefulShutdown() }
        }
        // Whoever is first: the bell only starts the end of the group, which has to be awaited then.
        try await tasks.next()
        if await process.desk.hasNext { try await tasks.next() }
        tasks.cancelAll()
      }
    }
  }

  /// SIGHUP, as services know it.
  private struct HangUp: Service {
    let desk: ReloadDesk
    let logger: Logger

    func run() async throws {
      for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
        do {
          try await desk.reload(for: nil, isDryRun: false)
        } catch {
          logger.error("the configuration is refused, the service goes on as it was: \(error)")
        }
      }
    }
  }
}

extension Logger {
  /// A group tells at `debug` each service with all that it is made of.
  var forGroups: Logger {
    var logger = self
    logger.logLevel = max(logLevel, .info)
    return logger
  }
}
