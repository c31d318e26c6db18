package import Changes
package import JSON

/// An endpoint in memory that keeps the protocols' promises: versions, stamps, conditional writes, a change feed.
package actor MemoryEndpoint: ChangeSource, ChangeTarget {
  package nonisolated let name: SourceName
  private let endpoint: EndpointName
  private let makesKeys: Bool
  private var clock: Int64 = 0
  private var records: [RecordKey: Record] = [:]
  private var feed: [Change] = []
  private var waiter: CheckedContinuation<Void, Never>?
  /// Every write that was applied, in order.
  package private(set) var journal: [(action: Write.Action, key: RecordKey, fields: JSONObject)] = []

  /// - Parameter makesKeys: a create without a key gets one, as APIs do; its fields hold it as `id`.
  package init(_ endpoint: EndpointName, makesKeys: Bool) {
    self.endpoint = endpoint
    self.makesKeys = makesKeys
    name = SourceName(endpoint.description)
  }

  package var contents: [RecordKey: JSONObject] { records.mapValues(\.fields) }

  // What the endpoint's own application does.

  package func put(_ key: RecordKey, _ fields: JSONObject) {
    let isNew = records[key] == nil
    store(key, (records[key]?.fields ?? [:]).merging(fields), isNew ? .insert : .update, .application)
  }

  /// Adds to a number, in one step.
  package func increment(_ key: RecordKey, _ path: String, by step: Int64) {
    guard let record = records[key] else { return }
    let fields = JSONValue.object(record.fields)
    let number = JSONValue.integer((fields.at(path)?.integerValue ?? 0) + step)
    store(key, fields.setting(number, at: path).objectValue ?? [:], .update, .application)
  }

  package func remove(_ key: RecordKey) { erase(key, .application) }

  /// As if capture had not been there: nobody is told.
  package func removeUnseen(_ key: RecordKey) { records[key] = nil }

  /// Makes a record hold `fields`, or takes it away, behind the back of the change feed: as if capture had been off.
  /// - Parameter modifiedAt: nil: the record does not tell.
  package func plant(_ key: RecordKey, _ fields: JSONObject?, modifiedAt: Timestamp? = .now) {
    clock += 1
    records[key] = fields.map { fields in
      Record(
        key: key, fields: (records[key]?.fields ?? [:]).merging(fields), version: "v\(clock)",
        modifiedAt: modifiedAt, stamp: Stamp(clock))
    }
  }

  private func store(_ key: RecordKey, _ fields: JSONObject, _ operation: Operation, _ origin: Origin) {
    clock += 1
    let record = Record(
      key: key, fields: fields, version: "v\(clock)", modifiedAt: .now, stamp: Stamp(clock))
    records[key] = record
    tell(
      Change(
        operation, of: endpoint, key: key, row: fields.bytes, origin: origin, stamp: Stamp(clock),
        version: record.version, committedAt: .now))
  }

  private func erase(_ key: RecordKey, _ origin: Origin) {
    guard records.removeValue(forKey: key) != nil else { return }
    clock += 1
    tell(Change(.delete, of: endpoint, key: key, origin: origin, stamp: Stamp(clock), committedAt: .now))
  }

  private func tell(_ change: Change) {
    feed.append(change)
    waiter?.resume()
    waiter = nil
  }

  package func next(after position: Position?) async throws -> ChangeBatch {
    let place = position.flatMap { Int($0.place) } ?? 0
    if place == feed.count {
      // Wakes for a change, after a while, or when the test's task is cancelled.
      let clock = Task {
        try await Task.sleep(for: .milliseconds(50))
        wake()
      }
      defer { clock.cancel() }
      await withTaskCancellationHandler {
        await withCheckedContinuation { waiter = $0 }
      } onCancel: {
        Task { await self.wake() }
      }
      try Task.checkCancellation()
    }
    let changes = Array(feed[place...].prefix(100))
    return ChangeBatch(
      changes, through: Position(epoch: "memory", place: String(place + changes.count)),
      completeAsOf: place + changes.count == feed.count ? .now : nil)
  }

  private func wake() {
    waiter?.resume()
    waiter = nil
  }

  package func release(through position: Position) async throws {}

  package func records(_ keys: [RecordKey]) async throws -> [RecordKey: Record] {
    var found: [RecordKey: Record] = [:]
    for key in keys { found[key] = records[key].map(stamped) }
    return found
  }

  package func find(_ match: JSONObject) async throws -> [Record] {
    records.values.filter { record in match.members.allSatisfy { record.fields[$0.name] == $0.value } }.map(stamped)
  }

  package func chunk(from position: Position?, limit: Int) async throws -> Chunk {
    let sorted = records.values.sorted { $0.key.encoded < $1.key.encoded }.map(stamped)
    // By key and not by number: records that come and go meanwhile shift nothing.
    let rest = sorted.drop { record in position.map { record.key.encoded <= $0.place } ?? false }
    let part = Array(rest.prefix(limit))
    let isLast = part.count == rest.count
    return Chunk(part, next: isLast ? nil : part.last.map { Position(epoch: "memory", place: $0.key.encoded) })
  }

  private func stamped(_ record: Record) -> Record {
    var record = record
    record.stamp = Stamp(clock)
    return record
  }

  package func apply(_ writes: [Write]) async -> [Outcome] { writes.map(apply) }

  private func apply(_ write: Write) -> Outcome {
    if write.action == .create {
      if let key = write.key, let existing = records[key] { return .mismatch(stamped(existing)) }
      let key = write.key ?? RecordKey(.string("r\(clock + 1)"))
      let fields = makesKeys ? write.fields.merging(JSONObject([("id", key.values[0])])) : write.fields
      return applied(write, key, fields, .insert)
    }
    guard let key = write.key, let record = records[key] else { return .mismatch(nil) }
    if let expected = write.expected {
      let isExpected =
        expected.version.map { $0 == record.version }
        ?? expected.fields.members.allSatisfy { record.fields[$0.name] == $0.value }
      guard isExpected else { return .mismatch(stamped(record)) }
    }
    guard write.action == .delete else { return applied(write, key, record.fields.merging(write.fields), .update) }
    erase(key, .tidemark)
    journal.append((.delete, key, [:]))
    return .applied(.init(key: key, stamp: Stamp(clock)))
  }

  private func applied(_ write: Write, _ key: RecordKey, _ fields: JSONObject, _ operation: Operation) -> Outcome {
    store(key, fields, operation, .tidemark)
    journal.append((write.action, key, write.fields))
    return .applied(.init(key: key, version: records[key]?.version, after: fields, stamp: Stamp(clock)))
  }
}
