import HTTP
import JSON
import Synchronization

/// Sends the writes of one object: one request each, or several in one where the application takes that.
///
/// Nobody waits for company: a write that finds no request of its object under way is sent at once, and those that come
/// meanwhile go together in the next.
final class Exchanges: Sendable {
  typealias Answer = Result<HTTPResponse, HTTPError>

  private struct Waiting {
    let request: APIRequest
    let turn: CheckedContinuation<Turn, Never>
  }

  private enum Turn {
    /// Another one sent it along.
    case answer(Answer)
    /// It sends these along.
    case lead([Waiting])
  }

  private struct State {
    var isBusy = false
    var waiting: [Waiting] = []
  }

  private let api: API
  private let rules: BatchRules?
  private let state = Mutex(State())

  init(_ api: API, _ rules: BatchRules?) {
    self.api = api
    self.rules = rules
  }

  func send(_ request: APIRequest) async -> Answer {
    guard let rules else { return await single(request) }
    switch await turn(request) {
    case .answer(let answer): return answer
    case .lead(let others):
      defer { passOn(rules) }
      guard !others.isEmpty else { return await single(request) }
      let answers = await together([request] + others.map(\.request), rules)
      for (other, answer) in zip(others, answers.dropFirst()) { other.turn.resume(returning: .answer(answer)) }
      return answers[0]
    }
  }

  private func turn(_ request: APIRequest) async -> Turn {
    await withCheckedContinuation { continuation in
      let isFirst = state.withLock { state in
        if state.isBusy { state.waiting.append(Waiting(request: request, turn: continuation)) }
        defer { state.isBusy = true }
        return !state.isBusy
      }
      if isFirst { continuation.resume(returning: .lead([])) }
    }
  }

  /// The first of those who wait takes the others along.
  private func passOn(_ rules: BatchRules) {
    let next = state.withLock { state -> (leader: Waiting, others: [Waiting])? in
      guard !state.waiting.isEmpty else {
        state.isBusy = false
        return nil
      }
      let leader = state.waiting.removeFirst()
      let others = Array(state.waiting.prefix(rules.size - 1))
      state.waiting.removeFirst(others.count)
      return (leader, others)
    }
    if let next { next.leader.turn.resume(returning: .lead(next.others)) }
  }

  private func single(_ request: APIRequest) async -> Answer {
    do { return .success(try await api.send(request)) } catch { return .failure(error) }
  }

  /// One answer for each request, in their order.
  private func together(_ requests: [APIRequest], _ rules: BatchRules) async -> [Answer] {
    let items = requests.enumerated().map { item($0.element, number: $0.offset, rules) }
    let path = Template.text(rules.path, api.settings, encoding: Template.encoded)
    let body = JSONValue.null.setting(.array(items), at: rules.requests)
    let outer = APIRequest(method: "POST", url: api.url(path), body: RequestBody(value: body, encoding: .json))
    let response: HTTPResponse
    do { response = try await api.send(outer) } catch { return requests.map { _ in .failure(error) } }
    // Refused as a whole, none of it was done: what the status means it means for each.
    guard (200..<300).contains(response.status) else { return requests.map { _ in .success(response) } }
    let parts = (try? JSONValue(parsing: response.body))?.at(rules.responses)?.arrayValue ?? []
    return requests.indices.map { number in
      let part =
        if let path = rules.number {
          parts.first { $0.at(path)?.plainText == String(number) }
        } else {
          parts.indices.contains(number) ? parts[number] : nil as JSONValue?
        }
      return part.flatMap { answer($0, rules) }.map(Answer.success)
        ?? .failure(
          HTTPError(.garbage, "the batch was answered without a word of this write", mayHaveBeenApplied: true))
    }
  }

  private func item(_ request: APIRequest, number: Int, _ rules: BatchRules) -> JSONValue {
    let path = String(request.url.dropFirst(api.address.url.count))
    var headers = request.headers.map { ($0.name, JSONValue.string($0.value)) }
    if let body = request.body { headers.append(("Content-Type", .string(body.encoding.contentType))) }
    let item = rules.request.filled([
      "number": .string(String(number)), "method": .string(request.method), "path": .string(path),
      "relative": .string(String(path.drop { $0 == "/" })), "absolute": .string(api.address.path + path),
      "headers": .object(JSONObject(headers)), "body": request.body?.value ?? .null,
    ])
    guard request.body == nil, case .object(let object) = item else { return item }
    return .object(object.filter { rules.request.objectValue?[$0] != "{body}" })
  }

  /// Nil if it is none: it has no status.
  private func answer(_ part: JSONValue, _ rules: BatchRules) -> HTTPResponse? {
    guard let status = part.at(rules.status).flatMap({ Int($0.plainText) }) else { return nil }
    var response = HTTPResponse(status: status)
    for member in rules.headers.flatMap({ part.at($0)?.objectValue })?.members ?? [] {
      response.headers[member.name] = member.value.plainText
    }
    if let body = part.at(rules.body), !body.isNull { response.body = body.bytes }
    return response
  }
}
