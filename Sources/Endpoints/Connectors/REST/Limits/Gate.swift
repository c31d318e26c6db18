import HTTP
import Synchronization

/// What all requests of a connector pass: so many at once, so many in a time, and none while the application asks for
/// patience. Of those who wait the more urgent go first.
final class Gate: Sendable {
  private struct Visitor {
    let number: Int
    let urgency: Urgency
    let continuation: CheckedContinuation<Bool, Never>
  }

  private struct State {
    let limit: Int
    var busy = 0
    /// How many of the busy ones are backfills.
    var backfills = 0
    var lastNumber = 0
    /// The most urgent first, and of these in the order in which they came.
    var waiting: [Visitor] = []
    var patience: (answer: HTTPResponse, until: ContinuousClock.Instant)?
    /// How often in a row the application asked for patience without saying how much.
    var refusals = 0
    var quota: Quota

    /// One place is never a backfill's, so that nothing has to wait until a page of a million rows was answered.
    func admits(_ urgency: Urgency) -> Bool {
      busy < limit && (urgency != .backfill || limit == 1 || backfills < limit - 1)
    }

    mutating func enter(_ urgency: Urgency) {
      busy += 1
      if urgency == .backfill { backfills += 1 }
    }
  }

  private let state: Mutex<State>
  private let notices: [LimitRules.Notice]

  /// Who would have to wait longer is told to come back then.
  private static let longestWait = Duration.seconds(5)
  /// Waits after the first, second… refusal that names no time: doubled up to this.
  private static let longestBackoff = Duration.seconds(64)

  /// - Parameter limit: requests in flight at once, without any other limit.
  convenience init(limit: Int) {
    self.init(LimitRules(concurrency: limit, rates: [], reserve: 0, notices: []))
  }

  init(_ rules: LimitRules) {
    state = Mutex(State(limit: rules.concurrency, quota: Quota(rules.rates, reserve: rules.reserve)))
    notices = rules.notices
  }

  /// Carries out one exchange when there is room for it. Where the application asked for patience in an earlier
  /// answer, that answer is given again with what is left of its time, and nothing is sent. So it is where the rates are
  /// used up for longer than is worth waiting.
  /// - Parameter isThrottled: whether an answer asks for patience.
  /// - Throws: what `exchange` throws, and `.cancelled` for a task that was cancelled while it waited for room.
  func pass(
    isThrottled: (HTTPResponse) -> Bool = { ErrorRules().classify($0, repeatable: true) == .throttle },
    _ exchange: () async throws(HTTPError) -> HTTPResponse
  ) async throws(HTTPError) -> HTTPResponse {
    let urgency = Urgency.current
    while true {
      if let answer = standingAnswer() { return answer }
      if let wait = state.withLock({ $0.quota.wait(urgency, at: .now) }) {
        guard wait <= Self.longestWait else { return Self.patience(HTTPResponse(status: 429), for: wait) }
        do { try await Task.sleep(for: wait) } catch { throw HTTPError(.cancelled, "cancelled before it was sent") }
        continue
      }
      guard await enter(urgency) else { throw HTTPError(.cancelled, "cancelled before it was sent") }
      // Others may have used up the rate while this one waited for its place.
      let isSent = state.withLock { state in
        guard state.patience.map({ $0.until <= .now }) ?? true, state.quota.wait(urgency, at: .now) == nil else {
          return false
        }
        state.quota.send()
        return true
      }
      if isSent { break }
      leave(urgency)
    }
    defer { leave(urgency) }
    do {
      let response = try await exchange()
      note(response, isThrottled: isThrottled(response))
      return response
    } catch {
      state.withLock { $0.quota.answered(at: .now) }
      throw error
    }
  }

  private func note(_ response: HTTPResponse, isThrottled: Bool) {
    let now = ContinuousClock.now
    state.withLock { state in
      state.quota.answered(at: now)
      for notice in notices { state.quota.learn(notice, from: response, at: now) }
      guard isThrottled else {
        state.refusals = 0
        return
      }
      let pause = response.retryAfter ?? min(Self.longestBackoff, .seconds(1) * (1 << min(state.refusals, 6)))
      state.refusals += 1
      if state.patience.map({ $0.until < now + pause }) ?? true { state.patience = (response, now + pause) }
    }
  }

  /// - Returns: false if the task was cancelled, and has no place.
  private func enter(_ urgency: Urgency) async -> Bool {
    let number = state.withLock { state in
      state.lastNumber += 1
      return state.lastNumber
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isAdmitted: Bool? = state.withLock { state in
          if Task.isCancelled { return false }
          if state.admits(urgency), !state.waiting.contains(where: { $0.urgency <= urgency }) {
            state.enter(urgency)
            return true
          }
          let place = state.waiting.firstIndex { $0.urgency > urgency } ?? state.waiting.endIndex
          state.waiting.insert(Visitor(number: number, urgency: urgency, continuation: continuation), at: place)
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

  private func leave(_ urgency: Urgency) {
    let next = state.withLock { state -> Visitor? in
      state.busy -= 1
      if urgency == .backfill { state.backfills -= 1 }
      guard let index = state.waiting.firstIndex(where: { state.admits($0.urgency) }) else { return nil }
      state.enter(state.waiting[index].urgency)
      return state.waiting.remove(at: index)
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
      return Self.patience(answer, for: left)
    }
  }

  private static func patience(_ answer: HTTPResponse, for time: Duration) -> HTTPResponse {
    var again = HTTPResponse(status: answer.status)
    again.headers["Retry-After"] = String(time.components.seconds + 1)
    return again
  }
}

extension Quota {
  fileprivate mutating func learn(
    _ notice: LimitRules.Notice, from response: HTTPResponse, at now: ContinuousClock.Instant
  ) {
    switch notice.form {
    case .remaining(let header):
      guard let left = response.headers[header].flatMap({ Int($0) }) else { return }
      learn(per: notice.per, used: { $0 - left }, at: now)
    case .used(let header):
      guard let text = response.headers[header], let slash = text.firstIndex(of: "/"),
        let used = Int(String(text[..<slash].reversed().prefix(while: \.isNumber).reversed())),
        let limit = Int(text[text.index(after: slash)...].prefix(while: \.isNumber))
      else { return }
      learn(per: notice.per, used: { _ in used }, total: limit, at: now)
    }
  }
}
