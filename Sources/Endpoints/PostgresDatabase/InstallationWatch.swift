import Changes
import Postgres

/// Looks whether capture is still as `attach` made it.
actor InstallationWatch {
  private let source: SourceName
  private let tables: [String]
  private let connection: PostgresConnection
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
    return try await look()
  }

  /// - Throws: `CaptureGap` if capture is not whole, or not the one that `installation` was.
  func requireUnchanged(_ installation: Installation) async throws {
    let now = try await look()
    guard now.epoch == installation.epoch else { throw now.gap(from: installation.epoch, at: source) }
  }

  /// What is installed now, if it is whole.
  func look() async throws -> Installation {
    verified = nil
    guard let installation = try await connection.run({ try Installation.load($0) }) else {
      throw CaptureGap(source: source, reason: "capture is not attached: run `tidemark attach`", resume: nil)
    }
    let missing = Set(tables).subtracting(installation.captured.map(\.name)).sorted()
    if let fault = installation.fault {
      throw CaptureGap(source: source, reason: fault + "; run `tidemark repair`", resume: nil)
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
        + " it was restored or failed over, or capture was attached again",
      resume: start)
  }
}
