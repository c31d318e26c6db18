import Changes
import HTTP
import JSON
import Synchronization

extension RESTObject {
  /// Applies each write with one request, as many side by side as the connector may have. A write that is not conditional by the API's own means is
  /// preceded by a read that compares; between the two the record can change, which such an API cannot prevent.
  func apply(_ writes: [Write]) async -> [Outcome] {
    let outcomes = try? await concurrently(writes) { write in await self.apply(write) }
    // The body never throws; the group's own signature says it could.
    return outcomes ?? writes.map { _ in .unknown(Failure(code: "connector.apply", message: "no outcome")) }
  }

  private func apply(_ write: Write) async -> Outcome {
    let isRetry = failed.withLock { $0.contains(write.idempotencyKey) }
    let outcome = await Urgency.$current.withValue(isRetry ? .retry : .live) { await attempt(write) }
    failed.withLock { failed in
      switch outcome {
      case .retry, .unknown: if failed.count < Self.mostFailed { failed.insert(write.idempotencyKey) }
      case .applied, .mismatch, .rejected, .unavailable: failed.remove(write.idempotencyKey)
      }
    }
    return outcome
  }

  /// Beyond it a retry passes for a first attempt.
  private static let mostFailed = 10_000

  private func attempt(_ write: Write) async -> Outcome {
    switch (write.action, rules.create, rules.update, rules.delete) {
    case (.create, let rules?, _, _): await send(write, rules, condition: nil)
    case (.update, _, let rules?, _), (.delete, _, _, let rules?): await change(write, rules)
    default: .rejected(Failure(code: "connector.action", message: "\(endpoint) has no \(write.action)"))
    }
  }

  /// An update or a delete, which may depend on what the record is now.
  private func change(_ write: Write, _ rules: WriteRules) async -> Outcome {
    guard let key = write.key else {
      return .rejected(Failure(code: "connector.key", message: "\(write.action) of \(endpoint) without a key"))
    }
    guard let expected = write.expected else { return await send(write, rules, condition: nil) }
    if let version = expected.version, let version = condition(version) {
      return await send(write, rules, condition: version)
    }
    do {
      guard let now = try await read(key) else { return .mismatch(nil) }
      guard now.fields.contains(expected.fields) else { return .mismatch(now) }
      return await send(write, rules, condition: now.version.flatMap(condition))
    } catch {
      return notWritten(error)
    }
  }

  /// A version, where the application can make a write depend on it.
  private func condition(_ version: String) -> String? {
    rules.version?.condition == nil && rules.version?.body == nil ? nil : version
  }

  private func send(_ write: Write, _ rules: WriteRules, condition: String?) async -> Outcome {
    let place = "\(write.action) of \(endpoint)"
    let request: APIRequest
    do { request = try self.request(write, rules, condition: condition) } catch { return .rejected(error) }
    switch await exchanges.send(request) {
    case .success(let response):
      guard let meaning = api.errors.classify(response, repeatable: isRepeatable(write)) else {
        return applied(write, rules, response, place)
      }
      return await refused(write, response, meaning, place)
    case .failure(let error):
      let failure = Failure(error, at: place)
      if error.mayHaveBeenApplied { return .unknown(failure) }
      return error.kind == .invalidRequest ? .rejected(failure) : .unavailable(failure, after: nil)
    }
  }

  /// Whether the same request may be sent again without a second effect.
  private func isRepeatable(_ write: Write) -> Bool { write.action != .create || rules.idempotencyHeader != nil }

  func request(_ write: Write, _ rules: WriteRules, condition: String?) throws(Failure) -> APIRequest {
    let id = write.key?.description
    var request = APIRequest(
      method: rules.method, url: try url(rules.path, query: rules.query, id: id, fields: write.fields))
    var values = api.settings
    values["object"] = endpoint.name
    values["id"] = id
    request.headers = rules.headers.map { ($0.name, Template.text($0.value, values)) }
    if write.action != .create, let conditional = self.rules.version?.condition {
      let value = condition.map { Template.text(conditional.value, ["version": $0]) } ?? self.rules.version?.unknown
      if let value { request.headers.append((conditional.header, value)) }
    }
    if write.action == .create, let name = self.rules.idempotencyHeader {
      request.headers.append((name, write.idempotencyKey))
    }
    if let body = body(write, rules, condition: condition, values) {
      request.body = RequestBody(value: body, encoding: rules.encoding)
    }
    return request
  }

  /// The record as the application wants it, in what it is wrapped in; nil for a delete that needs no words.
  private func body(
    _ write: Write, _ rules: WriteRules, condition: String?, _ values: [String: String]
  ) -> JSONValue? {
    if write.action == .delete, rules.with == nil, rules.idInBody == nil { return nil }
    var record = JSONValue.object(write.action == .delete ? [:] : rules.clearing.applied(to: write.fields))
    if let with = rules.with {
      let fixed = JSONValue.object(with).filled(values.mapValues { .string($0) }).objectValue ?? [:]
      record = .object(fixed.merging(record.objectValue ?? [:]))
    }
    if write.action != .create {
      if let path = rules.idInBody, let key = write.key?.values.first { record = record.setting(key, at: path) }
      if let path = self.rules.version?.body, let condition { record = record.setting(.string(condition), at: path) }
    }
    guard !rules.wrap.isEmpty else { return record }
    guard rules.wrap.hasSuffix("[]") else { return JSONValue.null.setting(record, at: rules.wrap) }
    let path = String(rules.wrap.dropLast(2))
    return path.isEmpty ? .array([record]) : JSONValue.null.setting(.array([record]), at: path)
  }

  private func applied(_ write: Write, _ rules: WriteRules, _ response: HTTPResponse, _ place: String) -> Outcome {
    let stamp = stamps.now()
    let lost = Failure(
      code: "connector.answer", message: "\(place): status \(response.status) with an answer that is not a record")
    var item: JSONValue?
    if write.action != .delete, !response.body.isEmpty {
      guard let body = try? JSONValue(parsing: response.body) else { return .unknown(lost) }
      item = body.at(rules.item).flatMap { $0.at(self.rules.id) == nil ? nil : $0 }
    }
    guard let key = key(of: write, rules, response) else { return .unknown(lost) }
    let version = version(in: response) ?? item.flatMap { self.version(in: $0) }
    if write.action == .create, let created = rules.created, response.status != created {
      return .mismatch(item.flatMap { try? record($0, version: version, stamp: stamp) })
    }
    let isDelete = write.action == .delete
    return .applied(.init(key: key, version: isDelete ? nil : version, after: item?.objectValue, stamp: stamp))
  }

  private func key(of write: Write, _ rules: WriteRules, _ response: HTTPResponse) -> RecordKey? {
    guard write.action == .create else { return write.key }
    switch rules.id {
    case .body(let path):
      guard let id = (try? JSONValue(parsing: response.body))?.at(path), !id.isNull else { return nil }
      return RecordKey(.string(id.plainText))
    case .address(let header):
      let id = response.headers[header].map(Self.idInAddress) ?? ""
      return id.isEmpty ? nil : RecordKey(.string(id))
    case .field(let path):
      guard let id = JSONValue.object(write.fields).at(path), !id.isNull else { return nil }
      return RecordKey(.string(id.plainText))
    }
  }

  private func refused(
    _ write: Write, _ response: HTTPResponse, _ meaning: ErrorRules.Class, _ place: String
  ) async -> Outcome {
    let failure = Failure(status: response.status, meaning, code: api.errors.code(in: response), at: place)
    switch meaning {
    case .retry: return .retry(failure, after: response.retryAfter)
    case .throttle, .unavailable, .relogin: return .unavailable(failure, after: response.retryAfter)
    case .permanent: return .rejected(failure)
    case .ambiguous: return .unknown(failure)
    case .gone: return write.action == .create ? .rejected(failure) : .mismatch(nil)
    case .conflict: return await mismatch(write, response, failure)
    }
  }

  /// The record as it is: from the answer where it is there, else read again.
  private func mismatch(_ write: Write, _ response: HTTPResponse, _ failure: Failure) async -> Outcome {
    // The answer's version header, if any, may be that of the error: the record's own version counts here.
    if let path = rules.current, let item = (try? JSONValue(parsing: response.body))?.at(path),
      let record = try? record(item, stamp: stamps.now())
    {
      return .mismatch(record)
    }
    // A create that the application took for a repetition: the record that is there is to be looked up.
    guard let key = write.key else { return rules.find == nil ? .rejected(failure) : .unknown(failure) }
    do { return .mismatch(try await read(key)) } catch { return notWritten(error) }
  }

  /// The outcome of a write that was not sent because a read failed.
  private func notWritten(_ error: any Error) -> Outcome {
    switch error {
    case let refusal as Refused where refusal.status == 500: .retry(refusal.failure, after: refusal.retryAfter)
    case let refusal as Refused: notWritten(meaning(of: refusal))
    case let end as EndUnavailable: .unavailable(end.failure, after: end.after)
    case let failure as Failure: .rejected(failure)
    default: .retry(Failure(code: "connector.answer", message: "reading \(endpoint): \(error)"), after: nil)
    }
  }
}

extension WriteRules.Clearing {
  /// The fields with what is null in them said as the application understands it.
  fileprivate func applied(to fields: JSONObject) -> JSONObject {
    switch self {
    case .null: fields
    case .empty: JSONObject(fields.members.map { ($0.name, $0.value.isNull ? "" : $0.value) })
    case .omit: JSONObject(fields.members.filter { !$0.value.isNull }.map { ($0.name, $0.value) })
    }
  }
}
