import Foundation
import Support
import HTTP
import JSON

/// The application: a sandbox process, as its own users and a test see it.
struct CRM: Sendable {
  /// A write the sandbox accepted.
  struct Entry: Sendable {
    let sequence: Int64
    let method: String
    let object: String
    let id: String
    let fields: JSONObject
    /// Made with a key of Tidemark's, which only its creates have.
    let isTidemarks: Bool
  }

  let url: String
  let process: Child
  private let client = HTTPClient()

  /// - Parameter port: 0 takes any free one.
  init(in folder: String, port: Int = 0) async throws {
    process = try Child(["sandbox", "--port", "\(port)"], in: folder)
    url = try await process.line(after: "sandbox: listening at ")
  }

  /// One request, as often as it takes until it is answered: faults strike the application's own users too.
  @discardableResult
  func call(
    _ method: String, _ path: String, _ body: JSONObject? = nil, key: String? = nil
  ) async throws -> (status: Int, body: JSONValue) {
    var request = HTTPRequest(method, url + path, body: body?.bytes, timeout: .seconds(10))
    request.headers["Authorization"] = "Bearer sandbox"
    if let key { request.headers["Idempotency-Key"] = key }
    if body != nil { request.headers["Content-Type"] = "application/json" }
    let asked = request
    return try await eventually("an answer to \(method) \(path)") {
      guard let response = try? await client.send(asked), response.status < 500, response.status != 429 else {
        return nil
      }
      return (response.status, (try? JSONValue(parsing: response.body)) ?? .null)
    }
  }

  /// Asks for a misfortune: JSON as the sandbox's `POST /sandbox/faults` takes it.
  func fault(_ fault: String) async throws {
    let answer = try await call("POST", "/sandbox/faults", try JSONObject(parsing: fault.utf8))
    guard answer.status == 204 else { throw NotReached(description: "the fault was not taken: \(answer.body.text)") }
  }

  func removeFaults() async throws { try await call("DELETE", "/sandbox/faults") }

  /// - Returns: the id of the new record.
  func create(_ object: String, _ fields: JSONObject) async throws -> String {
    let answer = try await call("POST", "/api/\(object)", fields, key: UUID().uuidString)
    guard let id = answer.body.at("id")?.stringValue else { throw NotReached(description: "no \(object): \(answer)") }
    return id
  }

  /// - Returns: whether the record was there.
  @discardableResult func update(_ object: String, _ id: String, _ fields: JSONObject) async throws -> Bool {
    try await call("PATCH", "/api/\(object)/\(id)", fields).status == 200
  }

  func delete(_ object: String, _ id: String) async throws { try await call("DELETE", "/api/\(object)/\(id)") }

  /// The live records of an object by id.
  func records(_ object: String) async throws -> [String: JSONObject] {
    let state = try await call("GET", "/sandbox/state").body
    let records = state.at("objects.\(object)")?.arrayValue?.compactMap(\.objectValue) ?? []
    let live = records.filter { $0["deleted"] == nil }.compactMap { record in
      record["id"]?.stringValue.map { ($0, record) }
    }
    return Dictionary(live) { first, _ in first }
  }

  func record(_ object: String, where field: String, is value: JSONValue) async throws -> JSONObject? {
    try await records(object).values.first { $0[field] == value }
  }

  func journal(after sequence: Int64 = 0) async throws -> [Entry] {
    let items = try await call("GET", "/sandbox/journal?after=\(sequence)").body.at("items")?.arrayValue ?? []
    return items.compactMap { item in
      guard let sequence = item.at("sequence")?.integerValue, let method = item.at("method")?.stringValue,
        let object = item.at("object")?.stringValue, let id = item.at("id")?.stringValue
      else { return nil }
      return Entry(
        sequence: sequence, method: method, object: object, id: id,
        fields: item.at("fields")?.objectValue ?? JSONObject(),
        isTidemarks: item.at("idempotency_key")?.stringValue?.contains("-push-") ?? false)
    }
  }
}
