import Changes
package import Config
import HTTP
import JSON
import Log
package import Server

/// Asks a running service how things stand; without one, reads the same figures from the log.
package struct StatusQuery: Sendable {
  /// A service that works answers in milliseconds; one that does not must not keep anybody waiting.
  private static let patience = Duration.seconds(2)

  private let configuration: Configuration

  package init(_ configuration: Configuration) { self.configuration = configuration }

  /// - Throws: `LogError.missing` if there is neither a service nor a log.
  package func report() async throws -> StatusReport {
    let log = try await ChangeLog(path: configuration.log, access: .reader)
    if let holder = log.holder, let report = await ask(), holder == report.holder { return report }
    var report = try await StatusReporter(
      configuration, polled: try await polledTables(log), log: log, telemetry: nil
    ).report()
    report.service.isRunning = log.holder != nil
    return report
  }

  /// Those that the configuration says, and those that were: whether `auto` can do better only the database knows.
  private func polledTables(_ log: ChangeLog) async throws -> [EndpointName] {
    var polled: [EndpointName] = []
    for database in configuration.databases {
      let declared = configuration.polling(of: database)
      for name in configuration.capturedTables(of: database.name) {
        let table = EndpointName(system: database.name, name: name)
        let isPolled =
          if declared[name] == nil, database.capture == .auto {
            try await log.captureWatermark(of: SourceName(of: table)) != nil
          } else {
            declared[name] != nil
          }
        if isPolled { polled.append(table) }
      }
    }
    return polled
  }

  private func ask() async -> StatusReport? {
    let http = configuration.http
    guard http.port != 0 else { return nil }
    var request = HTTPRequest(
      "GET", "http://\(http.host.contains(":") ? "[\(http.host)]" : http.host):\(http.port)/api/v1/status",
      timeout: Self.patience)
    if let token = http.token { request.headers["Authorization"] = "Bearer \(token.revealed())" }
    guard let response = try? await HTTPClient().send(request), response.status == 200,
      let json = try? JSONValue(parsing: response.body)
    else { return nil }
    return try? StatusReport(json: json)
  }
}

extension StatusReport {
  /// The holder of the log's lease as it would call itself: another service may listen at the same address.
  fileprivate var holder: String? { service.processID.map { "process \($0)" } }
}
