import JSON

/// Everything the pretend CRM remembers, and how a request changes it. A value: no clock, no socket, no lock.
struct SandboxState: Sendable {
  struct Collection: Sendable {
    var records: [String: SandboxRecord] = [:]
    /// Each change of the collection in order. An entry whose record changed again is passed over.
    var order: [(change: Int64, id: String)] = []
    var index = SandboxIndex()
    var created = 0

    mutating func store(_ record: SandboxRecord) {
      index.replace(records[record.id], by: record)
      records[record.id] = record
      order.append((record.change, record.id))
    }
  }

  /// Which life of the sandbox this is. Cursors of another life are refused.
  let epoch: String
  var collections: [String: Collection]
  private(set) var journal: [SandboxJournalEntry] = []
  private(set) var latestChange: Int64 = 0
  private var latestTime: Int64 = 0
  private var answers: [String: (request: JSONObject, answer: SandboxAnswer)] = [:]

  init(objects: [String], epoch: String) {
    self.epoch = epoch
    collections = Dictionary(objects.map { ($0, Collection()) }) { first, _ in first }
  }

  /// Carries out one request. A write that is refused changes nothing.
  mutating func answer(_ call: SandboxCall) -> SandboxAnswer {
    guard collections[call.object] != nil else {
      return .problem(404, "Not Found", "There is no object named \(call.object).")
    }
    switch (call.method, call.id) {
    case (.get, nil): return list(call)
    case (.post, nil): return createOnce(call)
    case (.get, let id?): return existing(call, id).answer
    case (.patch, let id?): return patch(call, id)
    case (.delete, let id?): return delete(call, id)
    case (.post, _?), (.patch, nil), (.delete, nil):
      return .problem(405, "Method Not Allowed", "\(call.method.rawValue) is not for this address.")
    }
  }

  private mutating func createOnce(_ call: SandboxCall) -> SandboxAnswer {
    let key = call.idempotencyKey.map { "\(call.object) \($0)" }
    if let key, let earlier = answers[key] {
      guard earlier.request == call.body else {
        return .problem(422, "Unprocessable Content", "This Idempotency-Key was used with another body.")
      }
      return earlier.answer
    }
    let record = create(call)
    let answer = SandboxAnswer.record(record, status: 201, location: "/api/\(call.object)/\(record.id)")
    if let key { answers[key] = (call.body, answer) }
    return answer
  }

  private mutating func create(_ call: SandboxCall) -> SandboxRecord {
    let number = String((collections[call.object]?.created ?? 0) + 1)
    collections[call.object]?.created += 1
    let padding = String(repeating: "0", count: max(0, 6 - number.count))
    let id = "\(call.object.prefix(1))_\(padding)\(number)"
    return store(SandboxRecord(id: id, version: 0, updatedAt: 0, change: 0, fields: call.fields), call)
  }

  private mutating func patch(_ call: SandboxCall, _ id: String) -> SandboxAnswer {
    switch existing(call, id) {
    case .refused(let answer): return answer
    case .found(var record):
      record.fields = record.fields?.merging(call.fields)
      return .record(store(record, call))
    }
  }

  private mutating func delete(_ call: SandboxCall, _ id: String) -> SandboxAnswer {
    switch existing(call, id) {
    case .refused(let answer): return answer
    case .found(var record):
      record.fields = nil
      _ = store(record, call)
      return SandboxAnswer(status: 204)
    }
  }

  private enum LookUp {
    case found(SandboxRecord)
    case refused(SandboxAnswer)

    var answer: SandboxAnswer {
      switch self {
      case .found(let record): .record(record)
      case .refused(let answer): answer
      }
    }
  }

  /// The live record a call is about, if its `If-Match` agrees.
  private func existing(_ call: SandboxCall, _ id: String) -> LookUp {
    guard let record = collections[call.object]?.records[id] else {
      return .refused(.problem(404, "Not Found", "There is no \(id) among \(call.object)."))
    }
    guard record.fields != nil else {
      return .refused(.problem(410, "Gone", "\(id) was deleted at \(SandboxRecord.time(record.updatedAt))."))
    }
    if call.method != .get, let ifMatch = call.ifMatch, !Self.matches(ifMatch, record.version) {
      let body: JSONValue = ["error": "The record has another version.", "current": .object(record.shown)]
      return .refused(SandboxAnswer(status: 412, body: body, etag: "\"\(record.version)\""))
    }
    return .found(record)
  }

  /// RFC 9110, 13.1.1: any of a list of strong entity tags, or `*`.
  private static func matches(_ ifMatch: String, _ version: Int64) -> Bool {
    ifMatch.split(separator: ",").contains { tag in
      let tag = tag.filter { $0 != " " }
      return tag == "*" || tag == "\"\(version)\""
    }
  }

  private mutating func store(_ record: SandboxRecord, _ call: SandboxCall) -> SandboxRecord {
    latestChange += 1
    latestTime = max(call.now, latestTime + 1)
    var record = record
    record.version += 1
    record.change = latestChange
    record.updatedAt = latestTime
    collections[call.object]?.store(record)
    journal.append(
      SandboxJournalEntry(
        sequence: latestChange, method: call.method.rawValue, object: call.object, id: record.id,
        version: record.version, at: SandboxRecord.time(latestTime), idempotencyKey: call.idempotencyKey,
        fields: call.method == .delete ? nil : call.fields))
    return record
  }

  /// Everything, as `GET /sandbox/state` shows it: each object's records and tombstones by id.
  var shown: JSONValue {
    let objects = collections.sorted { $0.key < $1.key }.map { name, collection in
      let records = collection.records.values.sorted { $0.id < $1.id }
      return (name, JSONValue.array(records.map { .object($0.shown) }))
    }
    return ["changes": .integer(latestChange), "objects": .object(JSONObject(objects))]
  }
}
