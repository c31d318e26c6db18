import Changes
import JSON
import SQLite

/// Applies writes to one table: compare, write and mark in one transaction.
struct TableWriter {
  let shape: TableShape
  let session: SQLiteSession

  /// One transaction for all, since each commit waits for the disk. If its commit fails (a deferred foreign key), each
  /// write gets one of its own, so that one cannot fail the others.
  func apply(_ writes: [Write]) -> [Outcome] {
    do {
      return try session.transaction(.immediate) { try writes.map(isolated) }
    } catch {
      guard writes.count > 1, (error as? SQLiteError)?.isConstraint == true else {
        return writes.map { _ in outcome(of: error) }
      }
      return writes.flatMap { apply([$0]) }
    }
  }

  private func isolated(_ write: Write) throws -> Outcome {
    try session.execute("SAVEPOINT tidemark_write")
    do {
      let outcome = try marked(write)
      try session.execute("RELEASE tidemark_write")
      return outcome
    } catch {
      do {
        try session.execute("ROLLBACK TO tidemark_write")
        try session.execute("RELEASE tidemark_write")
      } catch _ {
        // SQLite rolled everything back already (a full disk): the first error ends the whole transaction.
        throw error
      }
      return outcome(of: error)
    }
  }

  /// The mark is set and cleared in the transaction of the write, so no other connection ever sees it.
  private func marked(_ write: Write) throws -> Outcome {
    let isInstalled = try session.first("SELECT 1 FROM main.sqlite_schema WHERE name = '_tidemark_context'") { _ in
      true
    }
    guard isInstalled == true else { return try one(write) }
    try session.execute("UPDATE main.\"_tidemark_context\" SET origin = 1 WHERE id = 1")
    let outcome = try one(write)
    try session.execute("UPDATE main.\"_tidemark_context\" SET origin = NULL WHERE id = 1")
    return outcome
  }

  private func one(_ write: Write) throws -> Outcome {
    let stamp = try highestStamp(in: session)
    let current = try write.key.flatMap { try shape.record($0, stamp, in: session) }
    if write.action == .create, let current { return .mismatch(current) }
    if let expected = write.expected, write.action != .create {
      guard let current, holds(expected.fields, current) else { return .mismatch(current) }
    }
    let columns = try shape.settings(write.fields)
    switch write.action {
    case .create: return try insert(columns, key: write.key)
    case .update:
      guard let current else { return .mismatch(nil) }
      return try update(columns, of: current)
    case .delete:
      if let current {
        try session.execute(shape.deleteSQL, shape.bindings(current.key))
      }
      return .applied(.init(key: write.key ?? RecordKey([]), stamp: try stampLeft()))
    }
  }

  private func insert(_ fields: [TableShape.Setting], key: RecordKey?) throws -> Outcome {
    let fields = key.map { shape.completed(fields, with: $0) } ?? fields
    // Only one row can be in the way of a key that is among the fields.
    if let key = key ?? given(fields),
      let existing = try shape.record(key, try highestStamp(in: session), in: session)
    {
      return .mismatch(existing)
    }
    try session.execute(shape.insertSQL(fields), fields.map(\.binding))
    return try applied(key: given(fields) ?? RecordKey(.integer(session.lastInsertRowid)))
  }

  /// The key that the fields spell out in full.
  private func given(_ fields: [TableShape.Setting]) -> RecordKey? {
    let values = shape.key.compactMap { place in
      fields.first { $0.column == shape.columns[place] && $0.binding != .null }.map { CanonicalValue.json($0.binding) }
    }
    return values.count == shape.key.count ? RecordKey(values) : nil
  }

  private func update(_ fields: [TableShape.Setting], of current: Record) throws -> Outcome {
    guard !fields.isEmpty else { return try applied(key: current.key) }
    try session.execute(shape.updateSQL(fields), fields.map(\.binding) + shape.bindings(current.key))
    let key = zip(shape.key, current.key.values).map { place, old in
      fields.first { $0.column == shape.columns[place] }.map { CanonicalValue.json($0.binding) } ?? old
    }
    return try applied(key: RecordKey(key))
  }

  private func applied(key: RecordKey) throws -> Outcome {
    let stamp = try stampLeft()
    let after = try shape.record(key, stamp ?? Stamp(0), in: session)
    return .applied(.init(key: after?.key ?? key, after: after?.fields, stamp: stamp))
  }

  /// Nil where this table's changes are not captured.
  private func stampLeft() throws -> Stamp? {
    let trigger = SQLiteValue.text("_tidemark_insert_" + shape.name)
    let isCaptured = try session.first(
      "SELECT 1 FROM main.sqlite_schema WHERE type = 'trigger' AND name = ?", [trigger]
    ) { _ in true }
    return isCaptured == true ? try highestStamp(in: session) : nil
  }

  /// An expectation holds also in the form the column gives it: `true` is stored as 1.
  private func holds(_ expected: JSONObject, _ current: Record) -> Bool {
    expected.members.allSatisfy { name, value in
      guard let stored = current.fields[name] else { return false }
      guard stored != value, let bound = try? shape.column(name, value).binding else { return stored == value }
      return CanonicalValue.json(bound) == stored
    }
  }

  /// The one place that says what an error means for a write, https://sqlite.org/rescode.html.
  func outcome(of error: any Error) -> Outcome {
    guard let error = error as? SQLiteError else {
      if let failure = error as? Failure { return .rejected(failure) }
      return .retry(Failure(code: "sqlite.apply", message: "\(shape.name): \(error)"), after: nil)
    }
    let failure = Failure(code: "sqlite.\(error.code)", message: "SQLite: \(error.message)")
    if error.isBusy { return .retry(failure, after: .milliseconds(100)) }
    switch error.code & 0xFF {
    // FOREIGNKEY: the parent may be on its way.
    case 19: return error.code == 787 ? .retry(failure, after: nil) : .rejected(failure)
    // TOOBIG, MISMATCH, RANGE: the values.
    case 18, 20, 25: return .rejected(failure)
    case 13: return .unavailable(failure, after: nil)
    // All others may strike when the commit was on its way to the disk.
    case _ where error.sql == "COMMIT": return .unknown(failure)
    // ERROR: the table was changed, or a trigger of the application's cannot cope with these values.
    case 1: return isUnchanged ? .retry(failure, after: nil) : .unavailable(failure, after: nil)
    default: return .unavailable(failure, after: nil)
    }
  }

  private var isUnchanged: Bool { (try? TableShape(shape.name, in: session)) == shape }
}
