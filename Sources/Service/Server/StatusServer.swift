import Changes
import Hummingbird
package import Logging
import ServiceLifecycle
package import Telemetry

/// Where the server listens and who may ask.
package struct StatusServerConfiguration: Sendable {
  package var host: String
  /// 0: any free port; `onListening` tells which.
  package var port: Int
  /// What every request but `/healthz` and webhooks must carry; nil: nothing, which only loopback may do.
  package var token: String?
  /// Further names under which clients address the server, for example behind a proxy.
  package var hostNames: [String] = []
  package var logger: Logger

  package init(host: String = "127.0.0.1", port: Int, token: String? = nil, logger: Logger) {
    self.host = host
    self.port = port
    self.token = token
    self.logger = logger
  }
}

/// What became of a webhook.
package enum WebhookAnswer: Sendable, Hashable {
  /// Its signature holds, and what it says is taken care of.
  case accepted
  /// Its signature holds; what it says will be looked at.
  case queued
  /// The application wants to hear this to know that the address is ours.
  case handshake(contentType: String, body: String)
  /// Not signed as it should be, too old, or not understood.
  case refused
  case unknownConnector
  /// Nothing was taken; the sender shall try again.
  case unavailable
}

/// A webhook for a connector as it arrived. Header names are in lower case.
package struct WebhookCall: Sendable {
  package let connector: String
  package let method: String
  package let query: [(name: String, value: String)]
  package let headers: [(name: String, value: String)]
  package let body: [UInt8]
}

/// Judges webhooks by their raw bytes.
package typealias WebhookJudge = @Sendable (WebhookCall) async -> WebhookAnswer

/// Metrics, health, status and webhooks over HTTP.
package struct StatusServer: Service {
  private let configuration: StatusServerConfiguration
  private let responder: StatusResponder
  private let onListening: @Sendable (Int) async -> Void

  /// - Parameters:
  ///   - api: asked for each page, report and readiness check as well.
  ///   - onListening: called once with the port, when requests are answered.
  package init(
    configuration: StatusServerConfiguration, telemetry: Telemetry, api: API, webhook: @escaping WebhookJudge,
    onListening: @escaping @Sendable (Int) async -> Void = { _ in }
  ) {
    self.configuration = configuration
    self.onListening = onListening
    let names = Set((configuration.hostNames + [configuration.host]).map { $0.lowercased() })
    var api = api
    api.showsValues = configuration.token != nil
    responder = StatusResponder(
      requestGuard: RequestGuard(token: configuration.token, hostNames: names), telemetry: telemetry,
      logger: configuration.logger, api: api, webhook: webhook)
  }

  /// Serves until the group it runs in shuts down, or its task is cancelled.
  /// - Throws: `Failure` with code `http.exposed` if anyone on the network could ask without a token; what the
  ///   operating system says if the address cannot be bound.
  package func run() async throws {
    guard configuration.token != nil || ["localhost", "127.0.0.1", "::1"].contains(configuration.host) else {
      throw Failure(
        code: "http.exposed",
        message: "http.listen \(configuration.host) is not loopback and http.token is not set: set a token")
    }
    let answers = CallbackResponder<BasicRequestContext> { [responder] request, _ in
      await responder.respond(to: request)
    }
    let application = Application(
      responder: answers, configuration: .init(address: .hostname(configuration.host, port: configuration.port)),
      onServerRunning: { [onListening] channel in await onListening(channel.localAddress?.port ?? 0) },
      logger: configuration.logger)
    try await application.run()
  }
}
