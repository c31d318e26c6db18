import Changes
import HTTP
import JSON

extension RESTObject {
  /// Applies each write with one request, as many side by side as the connector may have. A write that is not conditional by the API's own means is
  /// preceded by a read that compares; between the two the record can change, which such an API cannot prevent.
  func apply(_ writes: [Write]) async -> [Outcome] {
    let outcomes = try? await concurrently(writes) { write in await self.apply(write) }
    // The body never throws; the group's own signature says it could.
    return outcomes ?? writes.map { _ in .unknown(Failure(code: "connector.apply", message: "no outcome")) }
  }

  private func apply(_ write: Write) async -> Outcome {
    switch (write.action, rules.create, rules.update, rules.delete) {
    case (.create, let rules?, _, _): await send(write, rules, ifMatch: nil)
    case (.update, _, let rules?, _), (.delete, _, _, let rules?): await change(write, rules)
    default: .rejected(Failure(code: "connector.action", message: "\(endpoint) has no \(write.action)"))
    }
  }

  /// An update or a delete, which may depend on what the record is now.
  private func change(_ write: Write, _ rules: WriteRules) async -> Outcome {
    guard let key = write.key else {
      return .rejected(Failure(code: "connector.key", message: "\(write.action) of \(endpoint) without a key"))
    }
    guard let expected = write.expected else { return await send(write, rules, ifMatch: nil) }
    if let version = expected.version, let header = ifMatch(version) {
      return await send(write, rules, ifMatch: header)
    }
    do {
      guard let now = try await read(key) else { return .mismatch(nil) }
      guard now.fields.contains(expected.fields) else { return .mismatch(now) }
      return await send(write, rules, ifMatch: now.version.flatMap(ifMatch))
    } catch {
      return notWritten(error)
    }
  }

  func ifMatch(_ version: String) -> String? {
    rules.version?.ifMatch.map { Template.text($0, ["version": version]) }
  }

  private func send(_ write: Write, _ rules: WriteRules, ifMatch: String?) async -> Outcome {
    let place = "\(write.action) of \(endpoint)"
    let headers = headers(of: write, ifMatch: ifMatch)
    let body = body(of: write, rules)
    let url: String
    do { url = try self.url(rules.path, id: write.key?.description) } catch { return .rejected(error) }
    do {
      let response = try await api.send(rules.method, url, headers: headers, body: body)
      return (200..<300).contains(response.status)
        ? applied(write, rules, response, place) : await refused(write, response, place)
    } catch {
      let failure = Failure(error, at: place)
      if error.mayHaveBeenApplied { return .unknown(failure) }
      return error.kind == .invalidRequest ? .rejected(failure) : .unavailable(failure, after: nil)
    }
  }

  func headers(of write: Write, ifMatch: String?) -> [(name: String, value: String)] {
    var headers: [(name: String, value: String)] = ifMatch.map { [("If-Match", $0)] } ?? []
    if write.action == .create, let name = rules.idempotencyHeader { headers.append((name, write.idempotencyKey)) }
    return headers
  }

  func body(of write: Write, _ rules: WriteRules) -> JSONValue? {
    guard write.action != .delete else { return nil }
    return rules.wrap.isEmpty ? .object(write.fields) : JSONValue.null.setting(.object(write.fields), at: rules.wrap)
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
    case .location:
      let path = response.headers["Location"].map { $0.prefix { $0 != "?" && $0 != "#" } }
      guard let last = path?.split(separator: "/").last, let id = Template.decoded(last) else { return nil }
      return RecordKey(.string(id))
    }
  }

  private func refused(_ write: Write, _ response: HTTPResponse, _ place: String) async -> Outcome {
    let failure = Failure(status: response.status, at: place)
    let isRepeatable = write.action != .create || rules.idempotencyHeader != nil
    switch errors.classify(response.status, repeatable: isRepeatable) {
    case .retry: return .retry(failure, after: response.retryAfter)
    case .unavailable: return .unavailable(failure, after: response.retryAfter)
    case .rejected: return .rejected(failure)
    case .ambiguous: return .unknown(failure)
    case .gone: return write.action == .create ? .rejected(failure) : .mismatch(nil)
    case .mismatch: return await mismatch(write, response, failure)
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
    guard let key = write.key else { return .rejected(failure) }
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
