import Foundation
import Hummingbird
import JSON
import Synchronization

/// HTTP of the pretend CRM: who may ask, what is asked, which fault strikes, and the answer in HTTP's words.
final class SandboxResponder: Sendable {
  static let longestBody = 1 << 20

  private let token: String
  private let objects: [String]
  private let webhooks: SandboxWebhooks
  private let state: Mutex<SandboxState>
  private let faults = Mutex(SandboxFaults())

  init(token: String, objects: [String], webhooks: SandboxWebhooks) {
    self.token = token
    self.objects = objects
    self.webhooks = webhooks
    state = Mutex(SandboxState(objects: objects, epoch: Self.newEpoch()))
  }

  /// - Returns: nil when the connection shall be closed without an answer.
  func respond(to request: Request) async throws -> Response? {
    guard request.headers[.authorization] == "Bearer \(token)" else {
      return Self.response(.problem(401, "Unauthorized", "A bearer token is needed."), [.wwwAuthenticate: "Bearer"])
    }
    guard let body = try? await request.body.collect(upTo: Self.longestBody) else {
      return Self.response(.problem(413, "Content Too Large", "A body is at most 1 MiB."), [.connection: "close"])
    }
    let path = request.uri.path.split(separator: "/").map { $0.removingPercentEncoding ?? String($0) }
    if path.first == "sandbox" { return Self.response(control(path.dropFirst().joined(), request, body)) }
    switch faults.withLock({ $0.strike(method: request.method.rawValue, path: request.uri.path) }) {
    case .dropBefore: return nil
    case .dropAfter:
      _ = api(path, request, body)
      return nil
    case .status(let status, let seconds):
      let retry = seconds.map { [.retryAfter: String($0)] as HTTPFields }
      return Self.response(.problem(status, "Fault", "This fault was asked for."), retry ?? [:])
    case .slow(let milliseconds): try await Task.sleep(for: .milliseconds(milliseconds))
    case nil: break
    }
    return Self.response(api(path, request, body))
  }

  private func api(_ path: [String], _ request: Request, _ body: ByteBuffer) -> SandboxAnswer {
    guard path.first == "api", path.count == 2 || path.count == 3 else {
      return .problem(404, "Not Found", "Try /api/\(objects.first ?? "contacts").")
    }
    guard let method = SandboxCall.Method(rawValue: request.method.rawValue) else {
      return .problem(405, "Method Not Allowed", "Known are GET, POST, PATCH and DELETE.")
    }
    var call = SandboxCall(
      method: method, object: path[1], id: path.count == 3 ? path[2] : nil,
      now: Int64(Date().timeIntervalSince1970 * 1_000))
    call.query = Self.query(request)
    call.ifMatch = request.headers[.ifMatch]
    call.idempotencyKey = Self.idempotencyKey.flatMap { request.headers[$0] }
    if method == .post || method == .patch {
      guard let object = try? JSONObject(parsing: body.readableBytesView) else {
        return .problem(400, "Bad Request", "The body is expected to be a JSON object.")
      }
      call.body = object
    }
    if method == .post, call.object == "webhooks", call.id == nil { return register(call.body) }
    return carryOut(call)
  }

  private func carryOut(_ call: SandboxCall) -> SandboxAnswer {
    let (answer, written) = state.withLock { state in
      let before = state.latestChange
      let answer = state.answer(call)
      return (answer, state.latestChange > before ? state.journal.last : nil)
    }
    if let written { webhooks.changed(written) }
    return answer
  }

  private func register(_ body: JSONObject) -> SandboxAnswer {
    guard let url = body["url"]?.stringValue, let secret = body["secret"]?.stringValue,
      webhooks.register(url: url, secret: secret)
    else {
      return .problem(422, "Unprocessable Content", "url (http or https) and secret (whsec_ and base64) are needed.")
    }
    return SandboxAnswer(status: 201, body: ["url": .string(url)])
  }

  /// What a test asks of the sandbox itself.
  private func control(_ name: String, _ request: Request, _ body: ByteBuffer) -> SandboxAnswer {
    switch (request.method, name) {
    case (.post, "faults"):
      do {
        let fault = try SandboxFault(try JSONObject(parsing: body.readableBytesView))
        faults.withLock { $0.add(fault) }
        return SandboxAnswer(status: 204)
      } catch let error as SandboxFaultError {
        return .problem(422, "Unprocessable Content", error.detail)
      } catch {
        return .problem(400, "Bad Request", "\(error)")
      }
    case (.delete, "faults"):
      faults.withLock { $0.removeAll() }
      return SandboxAnswer(status: 204)
    case (.get, "journal"):
      let after = Self.query(request).first { $0.name == "after" }.flatMap { Int64($0.value) } ?? 0
      let entries = state.withLock { $0.journal }.drop { $0.sequence <= after }
      return SandboxAnswer(status: 200, body: ["items": .array(entries.map(\.json))])
    case (.get, "state"): return SandboxAnswer(status: 200, body: state.withLock { $0.shown })
    case (.delete, "state"):
      state.withLock { $0 = SandboxState(objects: objects, epoch: Self.newEpoch()) }
      faults.withLock { $0.removeAll() }
      webhooks.removeAll()
      return SandboxAnswer(status: 204)
    default: return .problem(404, "Not Found", "Known are faults, journal and state.")
    }
  }

  private static let idempotencyKey = HTTPFields.Element.Name("Idempotency-Key")

  private static func newEpoch() -> String { String(UInt32.random(in: .min ... .max), radix: 16) }

  /// Form encoding: `+` is a space unless it was escaped.
  private static func query(_ request: Request) -> [(name: String, value: String)] {
    (request.uri.query ?? "").split(separator: "&").map { pair in
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(Self.decoded)
      return (parts[0], parts.count > 1 ? parts[1] : "")
    }
  }

  private static func decoded(_ part: Substring) -> String {
    let spaced = part.replacing("+", with: " ")
    return spaced.removingPercentEncoding ?? String(spaced)
  }

  private static func response(_ answer: SandboxAnswer, _ extra: HTTPFields = [:]) -> Response {
    var headers = extra
    headers[.eTag] = answer.etag
    headers[.location] = answer.location
    guard let body = answer.body else { return Response(status: .init(code: answer.status), headers: headers) }
    headers[.contentType] = answer.isProblem ? "application/problem+json" : "application/json"
    let bytes = ByteBuffer(bytes: body.bytes)
    return Response(status: .init(code: answer.status), headers: headers, body: .init(byteBuffer: bytes))
  }
}
