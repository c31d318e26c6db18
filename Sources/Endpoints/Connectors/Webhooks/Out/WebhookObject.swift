import Changes
import JSON

/// A receiver of webhooks as an endpoint that is only written: each write is told to it.
///
/// Nothing can be read there, so a write is told whatever the receiver holds, and a lost answer is no loss: the receiver knows
/// a repetition by its `webhook-id`.
actor WebhookObject: RemoteObject {
  nonisolated let endpoint: EndpointName
  private nonisolated let rules: WebhookRules
  private nonisolated let sender: WebhookSender

  /// Events that wait for the request that is under way.
  private struct Waiting {
    let events: [WebhookEvent]
    /// Resumed with what became of them, or with nil: it is this caller's turn to send.
    let waiter: CheckedContinuation<[WebhookSender.Answer]?, Never>
  }
  private var waiting: [Waiting] = []
  private var isSending = false

  init(_ endpoint: EndpointName, _ rules: WebhookRules, _ sender: WebhookSender) {
    self.endpoint = endpoint
    self.rules = rules
    self.sender = sender
  }

  nonisolated var actions: Set<Write.Action> { [.create, .update, .delete] }
  nonisolated var changes: ObjectChanges? { nil }
  nonisolated func wake() {}

  // MARK: - Reading

  /// None: what a receiver holds is not ours to know.
  nonisolated func records(_ keys: [RecordKey]) async throws -> [RecordKey: Record] { [:] }
  nonisolated func find(_ match: JSONObject) async throws -> [Record] { [] }

  nonisolated func chunk(from position: Position?, limit: Int) async throws -> Chunk {
    throw Failure(
      code: "webhooks.write-only", message: "\(endpoint) receives webhooks: what it holds cannot be read or compared")
  }

  // MARK: - Writing

  func apply(_ writes: [Write]) async -> [Outcome] {
    let keys = writes.map { key(of: $0) }
    let events = zip(writes, keys).map { WebhookEvent($0, key: $1) }
    let answers = rules.batch > 1 ? await sent(events) : await sentSingly(events)
    return zip(zip(keys, events), answers).map { outcome($0.0, $0.1, $1) }
  }

  private func outcome(_ key: RecordKey, _ event: WebhookEvent, _ answer: WebhookSender.Answer) -> Outcome {
    switch answer {
    case .taken: .applied(.init(key: key, after: event.what == .deleted ? nil : event.data))
    case .retry(let failure, let after): .retry(failure, after: after)
    case .unavailable(let failure, let after): .unavailable(failure, after: after)
    case .refused(let failure): .rejected(failure)
    }
  }

  /// A new record is called by its field, else by the write that made it.
  private nonisolated func key(of write: Write) -> RecordKey {
    if let key = write.key { return key }
    let named = rules.id.flatMap { JSONValue.object(write.fields).at($0) }.flatMap { $0.isNull ? nil : $0.plainText }
    return RecordKey(.string(named ?? write.idempotencyKey))
  }

  private nonisolated func sentSingly(_ events: [WebhookEvent]) async -> [WebhookSender.Answer] {
    let (rules, sender, endpoint) = (rules, sender, endpoint)
    let answers = try? await concurrently(events) { await sender.send([$0], rules, of: endpoint) }
    // The body never throws; the group's own signature says it could.
    let lost = Failure(code: "webhooks.send", message: "no outcome")
    return answers ?? events.map { _ in .retry(lost, after: nil) }
  }

  /// Events that come while a request is under way wait, and go together with the next ones.
  private func sent(_ events: [WebhookEvent]) async -> [WebhookSender.Answer] {
    if isSending {
      let answers = await withCheckedContinuation { waiting.append(Waiting(events: events, waiter: $0)) }
      if let answers { return answers }
    }
    isSending = true
    let others = waiting
    waiting = []
    var answers = await batched(events + others.flatMap(\.events))[...]
    let own = Array(answers.prefix(events.count))
    answers = answers.dropFirst(events.count)
    for other in others {
      other.waiter.resume(returning: Array(answers.prefix(other.events.count)))
      answers = answers.dropFirst(other.events.count)
    }
    if waiting.isEmpty { isSending = false } else { waiting.removeFirst().waiter.resume(returning: nil) }
    return own
  }

  private nonisolated func batched(_ events: [WebhookEvent]) async -> [WebhookSender.Answer] {
    var answers: [WebhookSender.Answer] = []
    for start in stride(from: 0, to: events.count, by: rules.batch) {
      let batch = Array(events[start..<min(start + rules.batch, events.count)])
      let answer = await sender.send(batch, rules, of: endpoint)
      if case .refused = answer, batch.count > 1 {
        // One of them may be what is refused: the others are not to suffer for it.
        answers += await sentSingly(batch)
      } else {
        answers += Array(repeating: answer, count: batch.count)
      }
    }
    return answers
  }
}
