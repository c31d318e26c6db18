import Changes
import Postgres

/// Which mode a database's tables are captured in, of those the configuration allows.
struct CaptureChoice: Sendable {
  private let wanted: CaptureMode
  private let url: String

  init(_ wanted: CaptureMode, url: String) {
    self.wanted = wanted
    self.url = url
  }

  /// `auto` stays with what is installed; else it takes the WAL where the server and the role allow it, and triggers where
  /// they do not.
  func mode(_ tables: [String], _ session: PostgresSession) throws -> Installation.Mode {
    switch wanted {
    case .wal: return .wal
    case .trigger, .poll: return .trigger
    case .auto:
      if try Installation.exists(session), let installed = try Installation.load(session) { return installed.mode }
      return try WALRequirements.findings(tables, url, session).isEmpty ? .wal : .trigger
    }
  }

  /// Those of `tables` whose changes are found by polling. `auto` polls where it may not install anything, provided that
  /// every table can be polled.
  func polled(_ tables: [String: PollSettings], _ session: PostgresSession) throws -> [String: PollSettings] {
    switch wanted {
    case .wal, .trigger: return [:]
    case .poll: return tables
    case .auto:
      if try Installation.exists(session) { return [:] }
      let isBarred = try !InstallRequirements.findings(tables.keys.sorted(), session).isEmpty
      guard isBarred else { return [:] }
      let mayPoll = try tables.allSatisfy { table, settings in
        try PollRequirements.findings(table, settings, session).allSatisfy { $0.severity != .error }
      }
      return mayPoll ? tables : [:]
    }
  }

  /// What stands in the way of something better where tables are polled since nothing may be installed.
  func findings(polled tables: [String], _ session: PostgresSession) throws -> [Finding] {
    guard case .auto = wanted, !tables.isEmpty else { return [] }
    return try InstallRequirements.findings(tables, session).map { finding in
      Finding(
        .warning, finding.subject,
        "\(finding.message); changes are found by polling, which is slower and sees deletes only now and then",
        remedy: finding.remedy)
    }
  }

  /// What `wal` lacks: in the way where it was asked for, good to know where it would be better than what is taken.
  func findings(_ tables: [String], _ session: PostgresSession) throws -> [Finding] {
    switch wanted {
    case .trigger, .poll: return []
    case .wal: return try WALRequirements.findings(tables, url, session)
    case .auto:
      return try WALRequirements.findings(tables, url, session).map { finding in
        Finding(
          .warning, finding.subject,
          "\(finding.message); changes are captured by triggers, which cost the application more",
          remedy: finding.remedy)
      }
    }
  }
}
