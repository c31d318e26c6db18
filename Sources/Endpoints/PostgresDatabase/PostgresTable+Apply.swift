package import Changes
import JSON
import Postgres

extension PostgresTable {
  /// Each write in a transaction of its own, in order. After the first that finds the database out of reach the rest
  /// are not tried.
  package func apply(_ writes: [Write]) async -> [Outcome] {
    await writes.appliedInOrder { await apply($0) }
  }

  /// Tells the transaction as Tidemark's own, to the triggers by a setting and to who decodes the WAL by a message that
  /// comes before the changes.
  private static let mark = """
    SELECT set_config('tidemark.origin', 'tidemark', true), CASE WHEN current_setting('wal_level') = 'logical'
      THEN pg_logical_emit_message(true, '\(WALSlot.mark)', 'origin') END
    """

  private func apply(_ write: Write) async -> Outcome {
    let table = shapeName
    do {
      return try await writing.run { session in
        var phase = PostgresFate.Phase.working
        do {
          try session.execute("BEGIN; " + Self.mark)
          let told = try shape(session)
          let writer = RecordWriter(shape: told.cut == nil ? told : try wholeShape(session), session: session)
          var outcome = try writer.perform(write)
          if let cut = told.cut { outcome = try outcome.told(by: cut) }
          guard case .applied = outcome else { return outcome }
          phase = .committing
          try session.commit()
          return outcome
        } catch {
          return PostgresFate.outcome(of: error, in: phase, table: table)
        }
      }
    } catch {
      return PostgresFate.outcome(of: error, in: .working, table: table)
    }
  }
}

/// Carries out one write inside an open transaction.
private struct RecordWriter {
  let shape: TableShape
  let session: PostgresSession

  func perform(_ write: Write) throws -> Outcome {
    try shape.requireColumns(write.fields.names)
    guard let key = write.key else { return try insert(write.fields, overriding: nil) }
    let keyFields = try shape.keyObject(key)
    let current = try locked(keyFields)
    if write.action == .create {
      if let current { return .mismatch(shape.record(current, stamp: try PostgresTable.stamp(session))) }
      return try insert(keyFields.merging(write.fields), overriding: keyFields)
    }
    guard let current else {
      // A record that should be deleted and is gone is as it should be, unless something was known of it.
      return write.action == .delete && write.expected == nil ? .applied(.init(key: key)) : .mismatch(nil)
    }
    if let expected = write.expected, !holds(expected.fields, in: current) {
      return .mismatch(shape.record(current, stamp: try PostgresTable.stamp(session)))
    }
    return write.action == .delete ? try delete(key, keyFields) : try update(write.fields, keyFields, current)
  }

  private func holds(_ expected: JSONObject, in current: JSONObject) -> Bool {
    expected.members.allSatisfy { (current[$0.name] ?? .null) == $0.value }
  }

  private func locked(_ key: JSONObject) throws -> JSONObject? {
    let sql = """
      SELECT \(shape.image) FROM \(shape.sql) t, \(shape.record(shape.key, parameter: 1, as: "k"))
      WHERE \(shape.equal(shape.key, "t", "k")) FOR UPDATE OF t
      """
    return try session.first(sql, [.utf8(key.bytes)]) { try JSONObject(parsing: $0.bytes(0)) }
  }

  /// - Parameter key: the key asked for, if any: another session may take it first, which is no failure of the write.
  private func insert(_ fields: JSONObject, overriding key: JSONObject?) throws -> Outcome {
    let (sql, names) = shape.insertSQL(fields)
    try session.execute("SAVEPOINT tidemark_insert")
    do {
      return try applied(session.first(sql, names.isEmpty ? [] : [.utf8(fields.bytes)]) { $0.bytes(0) })
    } catch let error as PostgresError where error.sqlState == "23505" {
      try session.execute("ROLLBACK TO SAVEPOINT tidemark_insert")
      guard let key, let taken = try locked(key) else { throw error }
      return .mismatch(shape.record(taken, stamp: try PostgresTable.stamp(session)))
    }
  }

  private func update(_ fields: JSONObject, _ key: JSONObject, _ current: JSONObject) throws -> Outcome {
    let names = shape.settable(fields, of: current)
    guard !names.isEmpty else { return .applied(.init(key: shape.key(of: current), after: current)) }
    return try applied(session.first(shape.updateSQL(names), [.utf8(fields.bytes), .utf8(key.bytes)]) { $0.bytes(0) })
  }

  private func delete(_ key: RecordKey, _ fields: JSONObject) throws -> Outcome {
    guard try session.execute(shape.deleteSQL, [.utf8(fields.bytes)]) > 0 else { throw suppressed }
    return .applied(.init(key: key, stamp: try PostgresTable.stamp(session)))
  }

  private func applied(_ row: [UInt8]?) throws -> Outcome {
    guard let row else { throw suppressed }
    let after = try JSONObject(parsing: row)
    return .applied(.init(key: shape.key(of: after), after: after, stamp: try PostgresTable.stamp(session)))
  }

  private var suppressed: Failure {
    Failure(code: "sql.suppressed", message: "\(shape.sql): a trigger or rule of the database dropped the write")
  }
}
