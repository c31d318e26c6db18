import Changes
import ODBC

/// A database behind a driver: one connection that reads and one that writes, each opened when it is first needed and opened
/// anew after it was lost; and what its tables look like.
actor SQLDatabase {
  enum Use: Sendable { case reading, writing }

  nonisolated let name: String
  /// With its secrets.
  private let connectionString: String
  private let text: ODBCText?
  private var opening: [Use: Task<ODBCConnection, any Error>] = [:]
  private var shapes: [String: (shape: SQLTableShape, until: ContinuousClock.Instant)] = [:]
  private var life: String?

  /// A new column is noticed so soon.
  private static let shapeLives = Duration.seconds(30)

  init(name: String, connectionString: String, text: ODBCText?) {
    self.name = name
    self.connectionString = connectionString
    self.text = text
  }

  /// Runs `body` on a connection. A read that finds the connection lost is begun once more on a new one: servers close those
  /// that were idle for long.
  /// - Throws: for a read `Failure` or `EndUnavailable`; for a write whatever `body` throws, or `EndUnavailable`.
  func run<Result: Sendable>(
    _ use: Use, _ body: @escaping @Sendable (ODBCSession, SQLDialect) throws -> Result
  ) async throws -> Result {
    do { return try await once(use, body) } catch let error as ODBCError where use == .reading {
      guard error.isConnectionLost else { throw SQLFate.meaning(of: error, at: name) }
    }
    do { return try await once(use, body) } catch { throw SQLFate.meaning(of: error, at: name) }
  }

  private func once<Result: Sendable>(
    _ use: Use, _ body: @escaping @Sendable (ODBCSession, SQLDialect) throws -> Result
  ) async throws -> Result {
    let connection = try await connection(use)
    do { return try await connection.run { try body($0, SQLDialect($0.facts)) } } catch let error as ODBCError
      where error.isConnectionLost
    {
      opening[use] = nil
      throw error
    }
  }

  private func connection(_ use: Use) async throws -> ODBCConnection {
    if let task = opening[use] { return try await task.value }
    let (string, text) = (connectionString, text)
    let task = Task { () throws -> ODBCConnection in
      let connection = try await ODBCConnection(connectionString: string, text: text)
      try await connection.run { session in
        for statement in SQLDialect(session.facts).greeting { try session.execute(statement) }
      }
      return connection
    }
    opening[use] = task
    do { return try await task.value } catch {
      opening[use] = nil
      throw SQLFate.unreachable(error, at: name)
    }
  }

  /// What the table of an object looks like now, or did half a minute ago.
  func shape(of object: String, _ rules: SQLTableRules) async throws -> SQLTableShape {
    if let known = shapes[object], known.until > .now { return known.shape }
    let shape = try await run(.reading) { try SQLTableShape(object, rules, in: $0, $1) }
    shapes[object] = (shape, .now + Self.shapeLives)
    return shape
  }

  /// The next one who asks for the shape has it read again: something did not fit.
  func forgetShape(of object: String) { shapes[object] = nil }

  /// Which database this is, and in which life, as far as it tells.
  func epoch() async throws -> String {
    if let life { return life }
    let told = try await run(.reading) { session, dialect in
      let fork = dialect.life.flatMap { sql in try? session.first(sql) { $0.text(0) } ?? nil }
      let facts = session.facts
      return [facts.database, facts.server, facts.catalogue, fork ?? ""].joined(separator: " ")
    }
    life = told
    return told
  }
}
