import Changes
import JSON
import ODBC

extension SQLObject {
  /// Each write in a transaction of its own, in order. After the first that finds the database out of reach the rest are not
  /// tried.
  func apply(_ writes: [Write]) async -> [Outcome] {
    await writes.appliedInOrder { await apply($0) }
  }

  private func apply(_ write: Write) async -> Outcome {
    let place = "\(write.action) of \(endpoint)"
    guard !rules.isReadOnly else {
      return .rejected(Failure(code: "sql.read-only", message: "\(endpoint) is only read (`read_only: true`)"))
    }
    do {
      let shape = try await shape()
      let outcome = try await database.run(.writing) { session, dialect in
        do {
          return try SQLRowWriter(object: self, shape: shape, session: session).perform(write)
        } catch let error as ODBCError where !error.isConnectionLost {
          return SQLFate.outcome(of: error, dialect, at: place)
        }
      }
      if case .unavailable = outcome { await database.forgetShape(of: endpoint.name) }
      return outcome
    } catch {
      return SQLFate.outcome(of: error, nil, at: place)
    }
  }
}

/// Carries out one write: the row is locked, compared with what the decision assumed, written and read again, in one
/// transaction.
struct SQLRowWriter {
  let object: SQLObject
  let shape: SQLTableShape
  let session: ODBCSession

  /// Thrown to roll back: nothing was to be written.
  private struct Declined: Error { let outcome: Outcome }

  func perform(_ write: Write) throws -> Outcome {
    do {
      let applied = try session.transaction(shape.dialect.isolation) { try written(write) }
      // What is seen of the row before this moment may be older than this write.
      return .applied(stamped(applied))
    } catch let declined as Declined {
      return declined.outcome
    } catch let error as ODBCError where write.action == .create && SQLFate.isDuplicate(error, shape.dialect) {
      // Another session made the row between our look and our insert.
      guard let key = write.key ?? given(write.fields), let taken = try current(key, isLocked: false) else {
        throw error
      }
      return .mismatch(object.record(taken, shape, object.stamps.now()))
    }
  }

  private func stamped(_ applied: Outcome.Applied) -> Outcome.Applied {
    var applied = applied
    applied.stamp = object.stamps.now()
    return applied
  }

  private func written(_ write: Write) throws -> Outcome.Applied {
    let key = write.key ?? given(write.fields)
    let row = try key.flatMap { try current($0, isLocked: true) }
    let stamp = object.stamps.now()
    let record = row.flatMap { object.record($0, shape, stamp) }
    switch write.action {
    case .create:
      if let record { throw Declined(outcome: .mismatch(record)) }
      // A row that counts as deleted comes back to life.
      if let key, row != nil { return try update(write.fields.merging(revival), key) }
      return try insert(write.fields, key)
    case .update, .delete:
      guard let key, let row, let record else {
        let isDone = write.action == .delete && write.expected == nil
        if isDone, let key { return .init(key: key) }
        throw Declined(outcome: .mismatch(nil))
      }
      if let expected = write.expected, !holds(expected.fields, in: row) {
        throw Declined(outcome: .mismatch(record))
      }
      return write.action == .delete ? try delete(key) : try update(write.fields, key)
    }
  }

  /// An expectation holds also in the form the column gives it.
  private func holds(_ expected: JSONObject, in row: JSONObject) -> Bool {
    expected.members.allSatisfy { name, value in
      guard let stored = row[name] else { return false }
      guard stored != value, let column = try? shape.column(name) else { return stored == value }
      return SQLValue.held(value, by: column) == stored
    }
  }

  private func current(_ key: RecordKey, isLocked: Bool) throws -> JSONObject? {
    try session.first(
      shape.dialect.select(shape.list, from: shape.sql, where: [shape.keyCondition], isLocked: isLocked),
      shape.parameters(key)
    ) { shape.fields($0) }
  }

  /// The key that the fields spell out in full.
  private func given(_ fields: JSONObject) -> RecordKey? {
    let values = shape.key.compactMap { column in fields[column.name].flatMap { $0.isNull ? nil : $0 } }
    return values.count == shape.key.count ? RecordKey(values) : nil
  }

  private func insert(_ fields: JSONObject, _ key: RecordKey?) throws -> Outcome.Applied {
    var fields = marked(fields)
    if let key {
      for (column, value) in zip(shape.key, key.values) where fields[column.name] == nil { fields[column.name] = value }
    }
    let (columns, parameters) = try bound(fields) { !$0.isComputed && !($0.isDrawn && fields[$0.name]?.isNull ?? true) }
    let isDrawnGiven = columns.contains(where: \.isDrawn)
    var sql =
      columns.isEmpty
      ? "INSERT INTO \(shape.sql) DEFAULT VALUES"
      : "INSERT INTO \(shape.sql) (\(columns.map(\.sql).joined(separator: ", ")))"
        + " VALUES (\(columns.map { _ in "?" }.joined(separator: ", ")))"
    if columns.isEmpty, shape.dialect == .mariadb { sql = "INSERT INTO \(shape.sql) () VALUES ()" }
    if shape.dialect == .sqlServer, isDrawnGiven {
      sql = "SET IDENTITY_INSERT \(shape.sql) ON; \(sql); SET IDENTITY_INSERT \(shape.sql) OFF"
    }
    if let known = key ?? given(fields) {
      try session.execute(sql, parameters)
      return try applied(known)
    }
    return try applied(try drawn(sql, parameters))
  }

  /// Inserts a row whose key the database draws.
  private func drawn(_ sql: String, _ parameters: [ODBCParameter]) throws -> RecordKey {
    guard let question = shape.dialect.drawnKey, shape.key.count == 1, shape.key[0].isDrawn else {
      throw Failure(
        code: "sql.create",
        message:
          "a row of \(shape.table.name) cannot be made without its key (\(shape.key.map(\.name).joined(separator: ", "))):"
          + " it is none that the database draws, so link a field to it")
    }
    // SQL Server knows it only within the batch.
    let drawn: ODBCValue?
    if shape.dialect == .sqlServer {
      drawn = try session.first("SET NOCOUNT ON; \(sql); \(question); SET NOCOUNT OFF", parameters) { $0.values[0] }
    } else {
      try session.execute(sql, parameters)
      drawn = try session.first(question) { $0.values[0] }
    }
    guard let drawn, drawn != .null else {
      throw Failure(code: "sql.create", message: "the database does not tell which key it drew for \(shape.table.name)")
    }
    return RecordKey(SQLValue.json(drawn, of: shape.key[0]))
  }

  private func update(_ fields: JSONObject, _ key: RecordKey) throws -> Outcome.Applied {
    let old = Dictionary(zip(shape.key.map(\.name), key.values)) { first, _ in first }
    let (columns, parameters) = try bound(marked(fields)) { column in
      // A key that stays as it is need not be set, and some cannot be.
      !column.isComputed && old[column.name].map { $0 != fields[column.name] } ?? true
    }
    guard !columns.isEmpty else { return try applied(key) }
    let settings = columns.map { "\($0.sql) = ?" }.joined(separator: ", ")
    try session.execute(
      "UPDATE \(shape.sql) SET \(settings) WHERE \(shape.keyCondition)", parameters + shape.parameters(key))
    return try applied(
      RecordKey(shape.key.map { column in fields[column.name] ?? old[column.name] ?? .null }))
  }

  private func delete(_ key: RecordKey) throws -> Outcome.Applied {
    if let deleted = object.rules.deleted {
      _ = try update([deleted.column: deleted.value], key)
    } else {
      try session.execute("DELETE FROM \(shape.sql) WHERE \(shape.keyCondition)", shape.parameters(key))
    }
    return .init(key: key)
  }

  /// The row as it is after the write: triggers and types may have made something else of it.
  private func applied(_ key: RecordKey) throws -> Outcome.Applied {
    guard let row = try current(key, isLocked: false) else {
      throw Failure(
        code: "sql.suppressed", message: "a trigger of the database dropped the write to \(shape.table.name)")
    }
    let version = shape.version.flatMap { row[$0.name]?.stringValue }
    return .init(key: shape.key(of: row), version: version, after: row)
  }

  private func bound(
    _ fields: JSONObject, where isIncluded: (SQLTableShape.Column) -> Bool
  ) throws -> ([SQLTableShape.Column], [ODBCParameter]) {
    let columns = try fields.names.map { try shape.column($0) }.filter(isIncluded)
    return (columns, try columns.map { try SQLValue.parameter(fields[$0.name] ?? .null, for: $0) })
  }

  private func marked(_ fields: JSONObject) -> JSONObject {
    guard let mark = object.rules.mark else { return fields }
    return fields.merging([mark.column: mark.value])
  }

  /// What makes a row that counts as deleted alive again.
  private var revival: JSONObject {
    guard let deleted = object.rules.deleted else { return [:] }
    let alive: JSONValue =
      switch deleted.value {
      case .bool(let flag): .bool(!flag)
      case .number(let number): number.text == "0" ? 1 : 0
      default: .null
      }
    return [deleted.column: alive]
  }
}
