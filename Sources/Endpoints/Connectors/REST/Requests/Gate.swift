import HTTP
import Synchronization

/// What all requests of a connector pass: so many at once, and none while the application asks for patience.
final class Gate: Sendable {
  private struct Visitor {
    let number: Int
    let continuation: CheckedContinuation<Bool, Never>
  }

  private struct State {
    var free: Int
    var lastNumber = 0
    /// In the order in which they came.
    var waiting: [Visitor] = []
    var patience: (answer: HTTPResponse, until: ContinuousClock.Instant)?
  }

  private let state: Mutex<State>

  /// - Parameter limit: requests in flight at once.
  init(limit: Int) { state = Mutex(State(free: limit)) }

  /// Carries out one exchange when there is room for it. Where the application asked for patience in an earlier
  /// answer, that answer is given again with what is left of its time, and nothing is sent.
  /// - Throws: what `exchange` throws, and `.cancelled` for a task that was cancelled while it waited for room.
  func pass(_ exchange: () async throws(HTTPError) -> HTTPResponse) async throws(HTTPError) -> HTTPResponse {
    guard await enter() else { throw HTTPError(.cancelled, "cancelled before it was sent") }
    defer { leave() }
    if let answer = standingAnswer() { return answer }
    let response = try await exchange()
    if let pause = response.patience { hold(response, until: .now + pause) }
    return response
  }

  /// - Returns: false if the task was cancelled, and has no place.
  private func enter() async -> Bool {
    let number = state.withLock { state in
      state.lastNumber += 1
      return state.lastNumber
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isAdmitted: Bool? = state.withLock { state in
          if Task.isCancelled { return false }
          guard state.free == 0 else {
            state.free -= 1
            return true
          }
          state.waiting.append(Visitor(number: number, continuation: continuation))
          return nil
        }
        if let isAdmitted { continuation.resume(returning: isAdmitted) }
      }
    } onCancel: {
      let visitor = state.withLock { state in
        state.waiting.firstIndex { $0.number == number }.map { state.waiting.remove(at: $0) }
      }
      visitor?.continuation.resume(returning: false)
    }
  }

  private func leave() {
    let next = state.withLock { state -> Visitor? in
      guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
      state.free += 1
      return nil
    }
    next?.continuation.resume(returning: true)
  }

  private func standingAnswer() -> HTTPResponse? {
    state.withLock { state in
      guard let (answer, until) = state.patience else { return nil }
      let left = until - .now
      guard left > .zero else {
        state.patience = nil
        return nil
      }
      var again = HTTPResponse(status: answer.status)
      again.headers["Retry-After"] = String(left.components.seconds + 1)
      return again
    }
  }

  private func hold(_ answer: HTTPResponse, until: ContinuousClock.Instant) {
    state.withLock { state in
      if state.patience.map({ $0.until < until }) ?? true { state.patience = (answer, until) }
    }
  }
}

extension HTTPResponse {
  /// How long the whole connector is to stay away; nil: the answer is about this one request.
  fileprivate var patience: Duration? {
    switch status {
    case 429: retryAfter ?? .seconds(1)
    // Some applications limit their callers under these statuses; without Retry-After they mean something else.
    case 403, 503: retryAfter
    default: nil
    }
  }
}
