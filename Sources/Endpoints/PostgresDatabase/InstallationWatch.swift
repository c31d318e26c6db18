import Changes
import Postgres

/// Looks whether capture is still as `attach` made it.
actor InstallationWatch {
  private let source: SourceName
  private let tables: [String]
  private let connection: PostgresConnection
  /// The last transaction that was open when a lenient trigger was found to have failed, in this life of capture.
  private var shedding: (epoch: String, through: String)?
  private var verified: (installation: Installation, at: ContinuousClock.Instant)?

  /// What was seen counts for so long.
  static let heartbeat = Duration.seconds(1)

  /// - Parameter tables: the tables that are to be captured, as the configuration writes them.
  init(source: SourceName, tables: [String], connection: PostgresConnection) {
    self.source = source
    self.tables = tables
    self.connection = connection
  }

  /// What is installed, if it is whole; looked at again once a heartbeat.
  /// - Throws: `CaptureGap` without a place to go on where changes go unseen.
  func verified(for position: Position?) async throws -> Installation {
    if let verified, verified.at.duration(to: .now) < Self.heartbeat, position?.epoch == verified.installation.epoch {
      return verified.installation
    }
    let installation = try await look(from: position)
    if installation.shed > 0, position?.epoch != installation.epoch { try await requireEnded(installation) }
    return installation
  }

  /// What was seen counts no more: after a lost connection another server may answer.
  func forget() { verified = nil }

  /// - Throws: `CaptureGap` if capture is not whole, or not the one that `installation` was.
  func requireUnchanged(_ installation: Installation) async throws {
    let now = try await look()
    if now.shed != installation.shed { try await requireEnded(now) }
    guard now.epoch == installation.epoch else { throw now.gap(from: installation.epoch, at: source) }
  }

  /// What a lenient trigger missed can be read again when its transaction has ended; which one that is nobody knows, so
  /// all that were open when it was noticed are waited for.
  /// - Throws: `CaptureGap` without a place to go on until then.
  private func requireEnded(_ installation: Installation) async throws {
    if shedding?.epoch != installation.epoch {
      let last = try await connection.run { try $0.first("SELECT pg_current_xact_id()") { $0.string(0) } }
      shedding = last.map { (installation.epoch, $0) }
    }
    guard let shedding, try await !isOpen(upTo: shedding.through) else {
      throw CaptureGap(
        source: source,
        reason: "a change of the application could not be captured (\(installation.shed) so far); it is read again as"
          + " soon as the transactions that are open now have ended", resume: nil)
    }
  }

  /// Whether a transaction of this database is open that began to write before `xid` was given out.
  private func isOpen(upTo xid: String) async throws -> Bool {
    try await connection.run { session in
      try session.first(
        """
        SELECT EXISTS (
          SELECT FROM pg_stat_activity WHERE datname = current_database() AND age(backend_xid) > age($1::xid8::xid)
            AND backend_type IS DISTINCT FROM 'autovacuum worker'
          UNION ALL
          SELECT FROM pg_prepared_xacts WHERE database = current_database() AND age(transaction) > age($1::xid8::xid))
        """, [.text(xid)]
      ) { $0.bool(0) } ?? true
    }
  }

  /// What is installed now, if it is whole.
  /// - Parameter position: up to where the database was read.
  func look(from position: Position? = nil) async throws -> Installation {
    verified = nil
    guard let installation = try await connection.run({ try Installation.load($0) }) else {
      throw CaptureGap(source: source, reason: "capture is not attached: run `tidemark attach`", resume: nil)
    }
    let missing = Set(tables).subtracting(installation.captured.map(\.name)).sorted()
    if let fault = installation.fault {
      let isOther = position.map { $0.epoch != installation.epoch } ?? false
      let life = isOther ? " (this is another life of the database than the one that was read)" : ""
      throw CaptureGap(source: source, reason: fault + life + "; run `tidemark repair`", resume: nil)
    }
    let faults =
      missing.map { "\($0): it is not captured" }
      + installation.captured.compactMap { table in table.fault.map { "\(table.name): \($0)" } }
    guard faults.isEmpty else {
      // Nowhere to go on while changes go unseen; attaching again begins another epoch, whose gap is healed.
      throw CaptureGap(source: source, reason: faults.joined(separator: "; ") + "; run `tidemark attach`", resume: nil)
    }
    verified = (installation, .now)
    return installation
  }
}

extension Installation {
  /// The gap that lies between another life of the database and this one.
  func gap(from epoch: String, at source: SourceName) -> CaptureGap {
    CaptureGap(
      source: source,
      reason: "the position is of another life of the database (\(epoch), now \(self.epoch)):"
        + " it was restored or failed over, capture was attached again"
        + (shed > 0 ? ", or a change could not be captured (\(shed) so far)" : ""),
      mayLackRecords: Self.database(of: epoch) != Self.database(of: self.epoch), resume: start)
  }

  /// The part of an epoch that tells the cluster, its timeline and the database.
  private static func database(of epoch: String) -> [Substring] { Array(epoch.split(separator: "-").prefix(3)) }
}
