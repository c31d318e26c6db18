import Foundation
import SQLite

/// A Tidemark with a configuration and a log of its own: one table, pushed to one object.
struct Site {
  static let table = "bench_items"
  /// Where nothing listens: what is captured stays in the log.
  static let nowhere = "http://127.0.0.1:1"

  let place: Workplace
  let folder: String
  private var configuration: String { "\(folder)/tidemark.yaml" }
  private var log: String { "\(folder)/log.db" }

  /// - Parameters:
  ///   - database: its URL.
  ///   - capture: wal, trigger, poll or auto.
  ///   - application: where the sandbox is.
  init(_ place: Workplace, database: String, capture: String, application: String = Site.nowhere) throws {
    self.place = place
    folder = "\(place.folder)/\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    let yaml = """
      log: \(folder)/log.db
      http: { listen: "127.0.0.1:0" }
      databases:
        shop: { url: "\(database)", capture: \(capture) }
      connectors:
        crm: { use: sandbox, url: "\(application)", auth: { token: "${env:CRM_TOKEN}" } }
      links:
        items:
          table: shop.\(Self.table)
          object: crm.contacts
          direction: push
          key: { email: email }
          fields: { name: name, city: city, note: note }

      """
    try yaml.write(toFile: configuration, atomically: true, encoding: .utf8)
  }

  /// Runs a command to its end.
  @discardableResult
  func command(_ name: String, _ arguments: String...) throws -> Usage {
    try program([name] + arguments).end()
  }

  /// Starts the service and waits until it serves.
  /// - Returns: also the address of its status server.
  func run() async throws -> (service: Program, address: String) {
    let service = try program(["run"])
    return (service, try await service.line(after: "status at "))
  }

  /// Starts the service, without a wait.
  func start() throws -> Program { try program(["run"]) }

  private func program(_ arguments: [String]) throws -> Program {
    try Program(
      place.tidemark, arguments + ["--config", configuration], scratch: folder, environment: ["CRM_TOKEN": "sandbox"])
  }

  func remove() { try? FileManager.default.removeItem(atPath: folder) }

  // MARK: - The log, seen from outside

  /// Runs the service until it knows where it begins, stops it, and keeps that log for `rewind`.
  func begin() async throws {
    let service = try await run().service
    let reader = try await LogReader(log)
    try await reader.waitForBeginning()
    // What the first start does besides (an empty table's backfill) is over soon.
    try await Task.sleep(for: .seconds(2))
    service.stop()
    try copy(log, "\(log).begun")
  }

  /// Puts the log back to where `begin` left it.
  func rewind() throws {
    try? FileManager.default.removeItem(atPath: "\(log)-shm")
    try copy("\(log).begun", log)
  }

  func reader() async throws -> LogReader { try await LogReader(log) }

  /// With what a reader kept from being moved into the file itself.
  private func copy(_ from: String, _ to: String) throws {
    for suffix in ["", "-wal"] {
      try? FileManager.default.removeItem(atPath: to + suffix)
      guard FileManager.default.fileExists(atPath: from + suffix) else { continue }
      try FileManager.default.copyItem(atPath: from + suffix, toPath: to + suffix)
    }
  }
}

/// Looks into a log that a service writes.
struct LogReader {
  private let connection: SQLiteConnection

  /// Waits for the file.
  init(_ path: String) async throws {
    for _ in 0..<1000 where !FileManager.default.fileExists(atPath: path) {
      try await Task.sleep(for: .milliseconds(10))
    }
    connection = try await SQLiteConnection(path: path, access: .read)
  }

  /// Waits for the first watermark: the service knows from where on it captures.
  func waitForBeginning() async throws {
    for _ in 0..<1000 {
      // A log that is just being made has no tables yet.
      if (try? await connection.run(Self.captured)) != nil { return }
      try await Task.sleep(for: .milliseconds(20))
    }
    throw Failed(description: "the service did not begin to capture")
  }

  /// How many changes of the database are in the log for good; nil before the first watermark.
  private static let captured: @Sendable (SQLiteSession) throws -> Int64? = { session in
    try session.first("SELECT changes FROM capture_watermarks WHERE source = 'shop'") { $0.integer(0) }
  }

  /// Waits until `count` changes are there. Looks every half millisecond.
  func wait(for count: Int64, patience: Duration = .seconds(600)) async throws {
    try await connection.run { session in
      let deadline = ContinuousClock.now + patience
      while true {
        let captured = try Self.captured(session)
        if let captured, captured >= count { return }
        guard ContinuousClock.now < deadline else {
          throw Failed(description: "\(captured ?? 0) of \(count) changes were captured")
        }
        usleep(500)
      }
    }
  }

  /// When each of the next `count` changes was first seen in the log.
  func arrivals(of count: Int) async throws -> [ContinuousClock.Instant] {
    try await connection.run { session in
      var arrivals: [ContinuousClock.Instant] = []
      var before: Int64?
      let deadline = ContinuousClock.now + .seconds(120)
      while arrivals.count < count, ContinuousClock.now < deadline {
        let captured = try Self.captured(session) ?? 0
        let now = ContinuousClock.now
        for _ in 0..<max(0, captured - (before ?? captured)) { arrivals.append(now) }
        before = captured
        usleep(200)
      }
      return arrivals
    }
  }
}
