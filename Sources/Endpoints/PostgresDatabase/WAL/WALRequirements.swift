import Changes
import Postgres

/// What capture from the WAL needs of the server, the role and the tables.
enum WALRequirements {
  /// What is missing, each with the SQL that mends it. Empty: it can be used.
  static func findings(_ tables: [String], _ url: String, _ session: PostgresSession) throws -> [Finding] {
    var findings = try server(session)
    if findings.isEmpty { findings = replication(url) }
    for name in tables {
      // A table without a key is told of elsewhere.
      guard let shape = try TableShape.find(name, session), !shape.key.isEmpty else { continue }
      do {
        try shape.requireIdentity()
      } catch {
        findings.append(
          Finding(
            .error, name,
            "its replica identity does not tell its primary key, or the key is deferrable: once it is published, the"
              + " application's own UPDATE would fail", remedy: shape.identityCure))
      }
    }
    return findings
  }

  /// A stream needs a connection of another kind, which a pooler may not pass on.
  private static func replication(_ url: String) -> [Finding] {
    do {
      try PostgresSession.requireReplication(at: url)
      return []
    } catch {
      return [
        Finding(
          .error, "replication", "a stream of the WAL cannot be opened at the url: \(error.message)",
          remedy: "give the url the server's own address, not that of a pooler, and let pg_hba.conf admit the role")
      ]
    }
  }

  private static func server(_ session: PostgresSession) throws -> [Finding] {
    let found = try session.first(
      """
      SELECT current_setting('wal_level'), r.rolsuper OR r.rolreplication, quote_ident(current_user),
        (SELECT count(*) FROM pg_replication_slots WHERE slot_name <> $1)
          < current_setting('max_replication_slots')::int,
        (SELECT count(*) FROM pg_stat_replication) < current_setting('max_wal_senders')::int
      FROM pg_roles r WHERE r.rolname = current_user
      """, [.text(try WALSlot.name(session))]
    ) { (level: $0.string(0), may: $0.bool(1), role: $0.string(2), hasSlot: $0.bool(3), hasSender: $0.bool(4)) }
    guard let found else { return [] }
    var findings: [Finding] = []
    if found.level != "logical" {
      findings.append(
        Finding(
          .error, "wal_level", "is \(found.level), so the WAL cannot be decoded",
          remedy: "ALTER SYSTEM SET wal_level = logical, then restart the server"))
    }
    if !found.may {
      findings.append(
        Finding(
          .error, found.role, "may not stream the WAL", remedy: "ALTER ROLE \(found.role) REPLICATION"))
    }
    if !found.hasSlot {
      findings.append(
        Finding(
          .error, "max_replication_slots", "all slots are taken",
          remedy: "ALTER SYSTEM SET max_replication_slots to a higher number, then restart the server"))
    }
    if !found.hasSender {
      findings.append(
        Finding(
          .error, "max_wal_senders", "all senders are taken",
          remedy: "ALTER SYSTEM SET max_wal_senders to a higher number, then restart the server"))
    }
    return findings
  }
}
