import Hummingbird
package import Logging
import ServiceLifecycle

/// Where the sandbox listens and what it pretends to hold.
package struct SandboxConfiguration: Sendable {
  /// Loopback unless somebody means it: the sandbox is for trying things out.
  package var host = "127.0.0.1"
  /// 0: any free port; `onListening` tells which.
  package var port = 0
  /// The bearer token every request needs.
  package var token: String
  package var objects = ["contacts", "orders"]
  package var logger: Logger
  /// How webhooks are sent; nil: listeners can register and hear nothing.
  package var send: WebhookSend?

  package init(token: String, logger: Logger) {
    self.token = token
    self.logger = logger
  }
}

/// A pretend CRM with a real HTTP API, to try Tidemark with and to test it against: JSON objects with versions,
/// conditional and idempotent writes, a listing of changes with tombstones, webhooks, and faults on request.
/// Everything is in memory and ends with the process.
package struct Sandbox: Service {
  private let configuration: SandboxConfiguration
  private let onListening: @Sendable (Int) async -> Void
  private let webhooks: SandboxWebhooks
  private let responder: SandboxResponder

  /// - Parameter onListening: called once with the port, when requests are answered.
  package init(
    configuration: SandboxConfiguration, onListening: @escaping @Sendable (Int) async -> Void = { _ in }
  ) {
    self.configuration = configuration
    self.onListening = onListening
    webhooks = SandboxWebhooks(send: configuration.send, logger: configuration.logger)
    responder = SandboxResponder(token: configuration.token, objects: configuration.objects, webhooks: webhooks)
  }

  /// Serves until the group it runs in shuts down, or its task is cancelled.
  /// - Throws: if the address cannot be bound.
  package func run() async throws {
    let answers = CallbackResponder<SandboxConnection> { [responder] request, connection in
      if let response = try await responder.respond(to: request) { return response }
      await connection.close()
      // Nobody reads this: the connection is closed.
      return Response(status: .internalServerError)
    }
    let application = Application(
      responder: answers,
      configuration: .init(address: .hostname(configuration.host, port: configuration.port), serverName: "sandbox"),
      onServerRunning: { [onListening] channel in await onListening(channel.localAddress?.port ?? 0) },
      logger: configuration.logger)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await webhooks.run() }
      defer { group.cancelAll() }
      try await application.run()
    }
  }
}

/// What a request knows of its connection: how to break it off.
private struct SandboxConnection: RequestContext {
  var coreContext: CoreRequestContextStorage
  let close: @Sendable () async -> Void

  init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
    let channel = source.channel
    close = { try? await channel.close() }
  }
}
