import Changes
import Postgres

/// Which mode a database's tables are captured in, of those the configuration allows.
struct CaptureChoice: Sendable {
  private let wanted: CaptureMode

  init(_ wanted: CaptureMode) { self.wanted = wanted }

  /// `auto` stays with what is installed; else it takes the WAL where the server and the role allow it, and triggers where
  /// they do not.
  func mode(_ tables: [String], _ session: PostgresSession) throws -> Installation.Mode {
    switch wanted {
    case .wal: return .wal
    case .trigger, .poll: return .trigger
    case .auto:
      if try Installation.exists(session), let installed = try Installation.load(session) { return installed.mode }
      return try WALRequirements.findings(tables, session).isEmpty ? .wal : .trigger
    }
  }

  /// What `wal` lacks: in the way where it was asked for, good to know where it would be better than what is taken.
  func findings(_ tables: [String], _ session: PostgresSession) throws -> [Finding] {
    switch wanted {
    case .trigger, .poll: return []
    case .wal: return try WALRequirements.findings(tables, session)
    case .auto:
      return try WALRequirements.findings(tables, session).map { finding in
        Finding(
          .warning, finding.subject,
          "\(finding.message); changes are captured by triggers, which cost the application more",
          remedy: finding.remedy)
      }
    }
  }
}
