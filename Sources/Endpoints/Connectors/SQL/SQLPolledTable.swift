import Changes
import JSON
import ODBC

/// A table behind an ODBC driver as polling reads it.
///
/// Its stamps are our clock's before each read, as for every other connector.
struct SQLPolledTable: PolledTable {
  let object: SQLObject

  private static let mostBytes = 4 << 20
  /// No zone is further ahead of UTC.
  private static let furthestZone = Duration.seconds(14 * 3600)

  var endpoint: EndpointName { object.endpoint }

  func takeWake() -> Bool { object.bell.take() }

  func epoch() async throws -> String { "\(try await object.database.epoch()) \(endpoint.name)" }

  /// Rows of transactions that are still open appear later. MariaDB tells who is writing, to an account with PROCESS.
  func writers() async throws -> Set<String> {
    // A rowversion has a bound that knows them.
    if case .rowversion = object.rules.changes { return [] }
    return try await object.read { session, shape in
      guard let sql = shape.dialect.writers else { return [] }
      do { return Set(try session.all(sql) { $0.text(0) ?? "" }) } catch let error as ODBCError
        where !error.isConnectionLost
      {
        return []
      }
    }
  }

  func highest() async throws -> CursorMark? {
    try await object.read { session, shape in
      guard let cursor = try object.rules.cursor.map({ try shape.column($0) }) else { return nil }
      var conditions = Self.hasKey(shape) + ["\(cursor.sql) IS NOT NULL"]
      var parameters: [ODBCParameter] = []
      if let bound = try bound(of: cursor, session) {
        conditions.append("\(cursor.sql) < \(shape.dialect.place(for: cursor))")
        parameters.append(ODBCParameter(bound, as: cursor.type))
      }
      let order = Self.order(cursor, shape)
      let sql = shape.dialect.select(
        order.map(\.sql).joined(separator: ", "), from: shape.sql, where: conditions,
        order: order.map { $0.sql + " DESC" }.joined(separator: ", "), limit: 1)
      return try session.first(sql, parameters) { row in
        let values = Dictionary(
          zip(order.map(\.name), zip(order, row.values).map { SQLValue.json($1, of: $0) })
        ) { first, _ in first }
        return CursorMark(
          cursor: values[cursor.name] ?? .null, key: RecordKey(shape.key.map { values[$0.name] ?? .null }))
      }
    }
  }

  func changed(after mark: CursorMark?, limit: Int) async throws -> PolledPage {
    try await object.read { session, shape in
      guard let cursor = try object.rules.cursor.map({ try shape.column($0) }) else {
        return PolledPage([], isLast: true, stamp: object.stamps.now(), readAt: .now)
      }
      let key = mark.map { mark in zip(shape.key, mark.key.values).filter { $0.0 != cursor }.map(\.1) }
      let page = try page(
        shape, cursor, order: Self.order(cursor, shape), after: mark.map { [$0.cursor] + (key ?? []) }, limit, session)
      if let mark, let first = page.rows.first, first.cursor == mark.cursor, first.key == mark.key {
        throw Failure(
          code: "sql.cursor",
          message:
            "\(endpoint): \(cursor.name) is compared by more digits than it has, so that polling would not come on:"
            + " use another column for `changes`")
      }
      return page
    }
  }

  func rows(after key: RecordKey?, limit: Int) async throws -> PolledPage {
    try await object.read { session, shape in
      try page(shape, nil, order: shape.key, after: key?.values, limit, session)
    }
  }

  func gone(among keys: [RecordKey]) async throws -> (keys: Set<RecordKey>, stamp: Stamp, readAt: Timestamp) {
    try await object.read { session, shape in
      let (stamp, readAt) = (object.stamps.now(), Timestamp.now)
      let sql = shape.dialect.select(shape.list, from: shape.sql, where: [shape.keyCondition], limit: 1)
      let gone = try keys.filter { key in
        guard let parameters = try? shape.parameters(key) else { return true }
        let fields = try session.first(sql, parameters) { shape.fields($0) }
        // A collation may find a key that is written otherwise: another one to everyone else.
        return fields.flatMap { object.record($0, shape, stamp) }?.key != key
      }
      return (Set(gone), stamp, readAt)
    }
  }

  private func page(
    _ shape: SQLTableShape, _ cursor: SQLTableShape.Column?, order: [SQLTableShape.Column], after: [JSONValue]?,
    _ limit: Int, _ session: ODBCSession
  ) throws -> PolledPage {
    let (stamp, readAt) = (object.stamps.now(), Timestamp.now)
    var conditions = Self.hasKey(shape)
    var parameters: [ODBCParameter] = []
    let bound = try cursor.flatMap { try self.bound(of: $0, session) }
    // A round sees also the rows that count as deleted, since they may have become so; a sweep looks for what is gone itself.
    if let cursor {
      conditions.append("\(cursor.sql) IS NOT NULL")
    } else if let alive = try object.isAlive(shape) {
      conditions.append(alive.sql)
      parameters += alive.parameters
    }
    if let after {
      let place = try shape.after(order, after)
      conditions.append(place.sql)
      parameters += place.parameters
    }
    let sql = shape.dialect.select(
      shape.list, from: shape.sql, where: conditions, order: order.map(\.sql).joined(separator: ", "), limit: limit)
    let place = cursor.flatMap { cursor in shape.columns.firstIndex(of: cursor) }
    var (rows, count, bytes, isCut): ([PolledRow], Int, Int, Bool) = ([], 0, 0, false)
    do {
      try session.rows(sql, parameters, most: limit) { row in
        guard bytes < Self.mostBytes else { throw Enough() }
        count += 1
        let fields = shape.fields(row)
        let isTold = !object.isDeleted(fields, shape)
        let polled = PolledRow(
          key: shape.key(of: fields), row: isTold ? fields.bytes : [],
          cursor: place.map { SQLValue.json(row.values[$0], of: shape.columns[$0]) } ?? .null,
          isMark: place.map { Self.isBelow(row.values[$0], bound) } ?? true, changedAt: object.modifiedAt(fields),
          isTold: isTold, version: shape.version.flatMap { fields[$0.name]?.stringValue })
        bytes += polled.row.count + 64
        rows.append(polled)
      }
    } catch is Enough { isCut = true }
    return PolledPage(rows, isLast: !isCut && count < limit, stamp: stamp, readAt: readAt)
  }

  private struct Enough: Error {}

  private static func order(_ cursor: SQLTableShape.Column, _ shape: SQLTableShape) -> [SQLTableShape.Column] {
    [cursor] + shape.key.filter { $0 != cursor }
  }

  private static func hasKey(_ shape: SQLTableShape) -> [String] { shape.key.map { "\($0.sql) IS NOT NULL" } }

  /// What a cursor must be below to be a mark; nil: every value is.
  private func bound(of cursor: SQLTableShape.Column, _ session: ODBCSession) throws -> ODBCValue? {
    if case .rowversion = object.rules.changes {
      return try session.first("SELECT CAST(MIN_ACTIVE_ROWVERSION() AS binary(8))") { $0.values[0] }
    }
    let slack = object.rules.zone == .utc ? Duration.zero : Self.furthestZone
    guard [.moment, .date].contains(cursor.type.kind),
      let moment = WrittenMoment(TimeText.iso8601(Timestamp.now.advanced(by: slack)))?.moment
    else { return nil }
    // A day is no mark before it is over everywhere.
    return cursor.type.kind == .date ? .date(moment) : .moment(moment.cut(to: cursor.type.digits))
  }

  private static func isBelow(_ value: ODBCValue, _ bound: ODBCValue?) -> Bool {
    switch (value, bound) {
    case (.bytes(let value), .bytes(let bound)?): value.lexicographicallyPrecedes(bound)
    case (.moment(let value), .moment(let bound)?): value < bound
    case (.date(let value), .date(let bound)?): value < bound
    default: true
    }
  }
}
