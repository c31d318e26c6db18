import Changes
import Crypto
import Files
import JSON
import SQLite

/// Writes that wait until the file is written next.
struct WaitingWrites {
  let writes: [Write]
  /// Resumed with the outcomes, or with nil: it is this caller's turn to write the file, with everything that waits.
  let waiter: CheckedContinuation<[Outcome]?, Never>
}

extension FileObject {
  /// A write is a new content of the whole file, put in its place in one step. So writes that come while one is under way
  /// wait, and the next content holds all of them.
  func apply(_ writes: [Write]) async -> [Outcome] {
    guard !actions.isEmpty else {
      return writes.map { _ in .rejected(Failure(code: "file.read-only", message: "\(endpoint) can only be read")) }
    }
    if isWriting {
      let outcomes = await withCheckedContinuation { waiter in
        waiting.append(WaitingWrites(writes: writes, waiter: waiter))
      }
      if let outcomes { return outcomes }
    }
    isWriting = true
    let others = waiting
    waiting = []
    var outcomes = await write(writes + others.flatMap(\.writes))[...]
    let own = Array(outcomes.prefix(writes.count))
    outcomes = outcomes.dropFirst(writes.count)
    for other in others {
      other.waiter.resume(returning: Array(outcomes.prefix(other.writes.count)))
      outcomes = outcomes.dropFirst(other.writes.count)
    }
    if waiting.isEmpty { isWriting = false } else { waiting.removeFirst().waiter.resume(returning: nil) }
    return own
  }

  /// Somebody who writes the file again and again leaves no moment for us.
  private static let mostAttempts = 3

  private func write(_ writes: [Write]) async -> [Outcome] {
    for _ in 0..<Self.mostAttempts {
      do {
        if let outcomes = try await attempt(writes) { return outcomes }
      } catch let error as EndUnavailable {
        return writes.map { _ in .unavailable(error.failure, after: error.after) }
      } catch let failure as Failure {
        return writes.map { _ in .rejected(failure) }
      } catch let error as FileError {
        copy = nil
        let failure = Failure(code: "file.unwritable", message: "\(endpoint): \(error)")
        return writes.map { _ in .unavailable(failure, after: nil) }
      } catch {
        copy = nil
        let failure = Failure(code: "file.write", message: "writing \(endpoint): \(error)")
        return writes.map { _ in .unavailable(failure, after: nil) }
      }
    }
    let failure = Failure(code: "file.busy", message: "\(endpoint): somebody else keeps writing it")
    return writes.map { _ in .retry(failure, after: nil) }
  }

  /// - Returns: nil if somebody else wrote the file meanwhile.
  private func attempt(_ writes: [Write]) async throws -> [Outcome]? {
    guard case .file(let path) = shelf.source else { return nil }
    let copy = try await current()
    let decisions = try await decisions(on: writes, copy)
    let edits = decisions.reduce(into: [RecordKey: JSONObject?]()) { edits, decision in
      if case .edit(let key, let fields) = decision { edits.updateValue(fields, forKey: key) }
    }
    if !edits.isEmpty {
      if let obstacle = copy.layout.obstacle {
        let failure = Failure(
          code: "file.layout", message: "\(endpoint): the file cannot be written again as it is: \(obstacle)")
        return writes.map { _ in .rejected(failure) }
      }
      do { try await replace(path, copy, edits) } catch let error as FileError where error.isChanged { return nil }
    }
    let stamp = self.copy?.stamp
    return decisions.map { decision in
      switch decision {
      case .answer(let outcome): outcome
      case .same(let key, let fields): .applied(.init(key: key, after: fields, stamp: copy.stamp))
      case .edit(let key, let fields): .applied(.init(key: key, after: fields, stamp: stamp))
      }
    }
  }

  // MARK: - Deciding

  private enum Decision {
    /// The record becomes this; nil: it goes.
    case edit(RecordKey, JSONObject?)
    /// The write was done before.
    case same(RecordKey, JSONObject)
    case answer(Outcome)
  }

  private func decisions(on writes: [Write], _ copy: FileCopy) async throws -> [Decision] {
    let keys = writes.map { $0.action == .create ? newKey($0) : $0.key }
    let rows = try await copy.rows(keys.compactMap { $0 })
    return try zip(writes, keys).map { write, key in
      guard let key else {
        return .answer(.rejected(Failure(code: "file.key", message: "\(write.action) of \(endpoint) without a key")))
      }
      let now = try rows[key].map { Record(key: key, fields: try JSONObject(parsing: $0), stamp: copy.stamp) }
      do throws(FormatError) { return try decision(on: write, key, now) } catch {
        let failure = Failure(code: "file.value", message: "\(write.action) of \(endpoint): \(error)")
        return .answer(.rejected(failure))
      }
    }
  }

  private func decision(on write: Write, _ key: RecordKey, _ now: Record?) throws(FormatError) -> Decision {
    if write.action == .create {
      let fields = try rules.normalized(identified(write.fields, as: key))
      guard let now else { return .edit(key, fields) }
      return now.fields.holds(fields) ? .same(key, now.fields) : .answer(.mismatch(now))
    }
    guard let now else { return .answer(.mismatch(nil)) }
    if let expected = write.expected, !now.fields.holds(try rules.normalized(expected.fields)) {
      return .answer(.mismatch(now))
    }
    if write.action == .delete { return .edit(key, nil) }
    let fields = try rules.normalized(now.fields.setting(write.fields))
    // What tells a record apart stays: under another id it would be another record.
    guard rules.key(in: fields) == key else {
      throw FormatError("the id of a record cannot be changed")
    }
    return fields == now.fields ? .same(key, fields) : .edit(key, fields)
  }

  /// The id that the fields give, else one that follows from the write, so that its repetition is the same record.
  private func newKey(_ write: Write) -> RecordKey? {
    if let key = write.key { return key }
    if let given = rules.key(in: write.fields) { return given }
    guard rules.id.count == 1 else { return nil }
    let digest = SHA256.hash(data: Array(write.idempotencyKey.utf8)).prefix(12)
    return RecordKey(.string(digest.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()))
  }

  private func identified(_ fields: JSONObject, as key: RecordKey) -> JSONObject {
    var result = JSONValue.object(fields)
    for (path, value) in zip(rules.id, key.values) where (result.at(path) ?? .null).isNull {
      // In a CSV file a name with a dot is one name.
      if rules.format == .csv {
        result = .object(JSONObject([(path, value)]).merging(result.objectValue ?? [:]))
      } else {
        result = result.setting(value, at: path)
      }
    }
    return result.objectValue ?? fields
  }

  // MARK: - Writing

  /// Writes the copy with the edits in the file's place, and makes the copy the same.
  private func replace(_ path: String, _ copy: FileCopy, _ edits: [RecordKey: JSONObject?]) async throws {
    var layout = copy.layout
    for name in edits.values.flatMap({ $0?.names ?? [] }) + rules.csv.columns where !layout.columns.contains(name) {
      layout.columns.append(name)
    }
    if rules.format == .csv, !rules.csv.hasHeader, layout.columns != rules.csv.columns {
      throw Failure(
        code: "file.columns", message: "without a header the file has the columns that are named, and no other")
    }
    let (rules, written) = (rules, layout)
    do {
      let signature = try await copy.records.run { session in
        let signature = try Self.write(path, copy.signature, rules, written, edits, session)
        try session.transaction(.immediate) { try Self.edit(edits, session) }
        return signature
      }
      var renewed = copy
      renewed.signature = signature
      renewed.version = FileShelf.State(paths: [path], signatures: [signature]).version
      renewed.layout = layout
      renewed.stamp = stamps.now()
      renewed.writtenAt = .now
      self.copy = renewed
    } catch {
      self.copy = nil
      throw error
    }
  }

  private static func write(
    _ path: String, _ former: FileSignature?, _ rules: FileRules, _ layout: FileLayout,
    _ edits: [RecordKey: JSONObject?], _ session: SQLiteSession
  ) throws -> FileSignature {
    let replacement = try FileReplacement(of: path, from: former)
    var writer = RecordWriter(rules, layout)
    var buffer = try writer.beginning()
    var added = edits
    try session.rows("SELECT key, row FROM records ORDER BY place") { row in
      let key = try RecordKey(encoded: row.string(0))
      if let edit = edits[key] {
        added[key] = nil
        if let fields = edit { buffer += try writer.record(fields) }
      } else {
        buffer += try writer.record(try JSONObject(parsing: row.bytes(1)))
      }
      guard buffer.count >= 256 << 10 else { return }
      try replacement.write(buffer)
      buffer.removeAll(keepingCapacity: true)
    }
    for (_, fields) in added.sorted(by: { $0.key.encoded < $1.key.encoded }) {
      if let fields { buffer += try writer.record(fields) }
    }
    buffer += writer.end()
    try replacement.write(buffer)
    return try replacement.commit()
  }

  private static func edit(_ edits: [RecordKey: JSONObject?], _ session: SQLiteSession) throws {
    for (key, fields) in edits.sorted(by: { $0.key.encoded < $1.key.encoded }) {
      guard let fields else {
        try session.execute("DELETE FROM records WHERE key = ?", [.text(key.encoded)])
        continue
      }
      try session.execute("UPDATE records SET row = ? WHERE key = ?", [.text(fields.bytes), .text(key.encoded)])
      guard session.changes == 0 else { continue }
      try session.execute(
        "INSERT INTO records (key, file, row) VALUES (?, 0, ?)", [.text(key.encoded), .text(fields.bytes)])
    }
  }
}
