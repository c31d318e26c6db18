import Changes
import JSON

extension SOAPObject {
  /// Applies each write with one call, as many side by side as the connector may have. What is not conditional by the service's
  /// own means is preceded by a read that compares; between the two the record can change, which such a service cannot prevent.
  func apply(_ writes: [Write]) async -> [Outcome] {
    let outcomes = try? await concurrently(writes) { write in await self.apply(write) }
    // The body never throws; the group's own signature says it could.
    return outcomes ?? writes.map { _ in .unknown(Failure(code: "connector.apply", message: "no outcome")) }
  }

  private func apply(_ write: Write) async -> Outcome {
    switch (write.action, rules.create, rules.update, rules.delete) {
    case (.create, let call?, _, _): return await create(write, call)
    case (.update, _, let call?, _), (.delete, _, _, let call?): return await change(write, call)
    default: return .rejected(Failure(code: "connector.action", message: "\(endpoint) has no \(write.action)"))
    }
  }

  private func create(_ write: Write, _ call: SOAPCallRules) async -> Outcome {
    let doing = "create of \(endpoint)"
    do {
      let answer = try await client.call(call, arguments(call, [:], record: write.fields), of: rules, at: doing)
      let item = call.item.flatMap { JSONValue.object(answer).at($0) }
      let stamp = stamps.now()
      if let item, item.objectValue != nil, let record = try? record(item, stamp: stamp) {
        return .applied(.init(key: record.key, version: record.version, after: record.fields, stamp: stamp))
      }
      // Some services answer with nothing but the id.
      if let item, item.objectValue == nil, !item.isNull, !item.plainText.isEmpty {
        return .applied(.init(key: RecordKey(.string(item.plainText)), stamp: stamp))
      }
      return .unknown(Failure(code: "connector.answer", message: "\(doing): the answer tells no id"))
    } catch {
      return fates.outcome(error, repeatable: false, at: doing)
        ?? .rejected(Failure(code: "connector.mismatch", message: "\(doing): the service takes it for another one"))
    }
  }

  /// An update or a delete, which may depend on what the record is now.
  private func change(_ write: Write, _ call: SOAPCallRules) async -> Outcome {
    let doing = "\(write.action) of \(endpoint)"
    guard let key = write.key, let id = key.values.first else {
      return .rejected(Failure(code: "connector.key", message: "\(doing) without a key"))
    }
    var now: Record?
    if write.expected != nil || call.isWhole {
      do { now = try await read(key) } catch {
        return fates.outcome(error, repeatable: true, at: doing) ?? .mismatch(nil)
      }
      guard let now else { return .mismatch(nil) }
      if let expected = write.expected, !now.fields.contains(expected.fields) { return .mismatch(now) }
    }
    var record: JSONObject?
    if write.action == .update {
      var fields = call.isWhole ? (now?.fields ?? [:]).merging(write.fields) : write.fields
      fields[rules.id] = now.flatMap { JSONValue.object($0.fields).at(rules.id) } ?? id
      if let path = rules.version, let version = now.flatMap({ JSONValue.object($0.fields).at(path) }) {
        fields = JSONValue.object(fields).setting(version, at: path).objectValue ?? fields
      }
      record = fields
    }
    let version = now.flatMap { now in rules.version.flatMap { JSONValue.object(now.fields).at($0) } }
    do {
      let answer = try await client.call(
        call, arguments(call, ["id": id, "version": version], record: record), of: rules, at: doing)
      let stamp = stamps.now()
      guard write.action == .update, let item = call.item.flatMap({ JSONValue.object(answer).at($0) }),
        item.objectValue != nil, let after = try self.record(item, stamp: stamp)
      else { return .applied(.init(key: key, stamp: stamp)) }
      return .applied(.init(key: after.key, version: after.version, after: after.fields, stamp: stamp))
    } catch {
      if let outcome = fates.outcome(error, repeatable: true, at: doing) { return outcome }
      do { return .mismatch(try await read(key)) } catch {
        return fates.outcome(error, repeatable: true, at: doing) ?? .mismatch(nil)
      }
    }
  }
}
