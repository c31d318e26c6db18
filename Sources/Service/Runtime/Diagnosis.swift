import Changes
package import Config
import HTTP
package import JSON
import Log
import Server

/// What somebody who helps from afar needs to know: how it is configured, what stands in the way, how everything stands. Holds
/// no values of rows, no keys of records, and no secrets: safe to paste.
package struct Diagnosis: Sendable {
  private let configuration: Configuration

  package init(_ configuration: Configuration) { self.configuration = configuration }

  /// What cannot be looked at is told with its reason instead.
  package func document(_ machine: JSONObject) async -> JSONObject {
    var document: JSONObject = ["version": .string(tidemarkVersion), "at": .string(Timestamp.now.text)]
    document["machine"] = .object(machine)
    document["configuration"] = .object(
      JSONObject(ConfigurationDifference.shown(configuration).map { ($0.name, .string($0.value)) }))
    document["findings"] = await looked {
      .array(
        try await Inspection(configuration).findings().map { finding in
          [
            "severity": .string(finding.severity.rawValue), "subject": .string(finding.subject),
            "message": .string(finding.message), "remedy": finding.remedy.map { .string($0) } ?? .null,
          ]
        })
    }
    document["status"] = await looked { Self.withoutKeys(try await StatusQuery(configuration).report().json) }
    document["dead_letters"] = await looked {
      let log = try await ChangeLog(path: configuration.log, access: .reader)
      return .array(
        try await log.deadLetterCounts().map { count in
          [
            "link": .string(count.link.description), "direction": .string(count.direction.description),
            "code": .string(count.code), "count": .integer(count.count), "newest_at": .string(count.newest.text),
          ]
        })
    }
    document["metrics"] = await looked { .string(try await metrics()) }
    return document
  }

  private func looked(_ look: () async throws -> JSONValue) async -> JSONValue {
    do { return try await look() } catch { return ["unavailable": .string("\(error)")] }
  }

  /// Keys may be personal data: e-mail addresses, names.
  private static func withoutKeys(_ status: JSONValue) -> JSONValue {
    var members = status.objectValue ?? [:]
    members["conflicts"] = .integer(members["conflicts"]?.arrayValue?.count ?? 0)
    members["dead_letters"] = .integer(members["dead_letters"]?.arrayValue?.count ?? 0)
    members["backfills"] = .array(
      (members["backfills"]?.arrayValue ?? []).map { backfill in
        var members = backfill.objectValue ?? [:]
        members["key"] = .null
        return .object(members)
      })
    return .object(members)
  }

  private func metrics() async throws -> String {
    let http = configuration.http
    let host = http.host.contains(":") ? "[\(http.host)]" : http.host
    var request = HTTPRequest("GET", "http://\(host):\(http.port)/metrics", timeout: .seconds(2))
    if let token = http.token { request.headers["Authorization"] = "Bearer \(token.revealed())" }
    let response = try await HTTPClient().send(request)
    guard response.status == 200 else { throw Failure(code: "http.\(response.status)", message: "no metrics") }
    return String(decoding: response.body, as: UTF8.self)
  }
}
