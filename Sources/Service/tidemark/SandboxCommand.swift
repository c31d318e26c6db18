import ArgumentParser
import Foundation
import HTTP
import Logging
import Sandbox
import ServiceLifecycle
import UnixSignals

struct SandboxCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sandbox", abstract: "Run a pretend CRM with a real HTTP API, to try things with.",
    discussion: "Everything is in memory. The bearer token is that of SANDBOX_TOKEN, or `sandbox`.")

  @Option(help: "The port on the loopback interface; 0 takes any free one.") var port = 8650
  @Option(help: "The objects it has.") var objects = ["contacts", "orders"]

  func run() async throws {
    try await ExitStatus.reporting {
      LoggingSystem.bootstrap(StreamLogHandler.standardError)
      var logger = Logger(label: "sandbox")
      logger.logLevel = .notice
      let token = ProcessInfo.processInfo.environment["SANDBOX_TOKEN"] ?? "sandbox"
      var configuration = SandboxConfiguration(token: token, logger: logger)
      configuration.port = port
      configuration.objects = objects
      configuration.send = Self.send(HTTPClient())
      let sandbox = Sandbox(configuration: configuration) { port in
        print("sandbox: listening at http://127.0.0.1:\(port)")
        fflush(nil)
      }
      try await ServiceGroup(
        services: [sandbox], gracefulShutdownSignals: [.sigint, .sigterm], logger: logger
      ).run()
    }
  }

  private static func send(_ client: HTTPClient) -> WebhookSend {
    { url, headers, body in
      var request = HTTPRequest("POST", url, body: body, timeout: .seconds(15))
      for header in headers { request.headers.append(header.name, header.value) }
      return try await client.send(request).status
    }
  }
}
