import Changes
import Postgres

/// What installing capture in a database, by triggers or for the WAL, needs of the role.
enum InstallRequirements {
  /// What is missing, each with the SQL that mends it. Empty: it may be installed.
  static func findings(_ tables: [String], _ session: PostgresSession) throws -> [Finding] {
    var findings = try databaseFindings(session)
    for name in tables {
      guard let shape = try TableShape.find(name, session) else { continue }
      findings += try ownerFindings(name, shape, session)
    }
    return findings
  }

  static func databaseFindings(_ session: PostgresSession) throws -> [Finding] {
    let mayInstall = try session.first(
      """
      SELECT to_regnamespace('tidemark') IS NOT NULL OR has_database_privilege(current_database(), 'CREATE'),
        format('GRANT CREATE ON DATABASE %I TO %I', current_database(), current_user), current_user,
        pg_is_in_recovery()
      """
    ) { (may: $0.bool(0), grant: $0.string(1), role: $0.string(2), isStandby: $0.bool(3)) }
    guard let mayInstall else { return [] }
    var findings: [Finding] = []
    if mayInstall.isStandby {
      findings.append(Finding(.error, "server", "this is a standby: triggers cannot be installed, nor rows written"))
    }
    if !mayInstall.may {
      findings.append(
        Finding(.error, mayInstall.role, "may not create the schema tidemark", remedy: mayInstall.grant))
    }
    return findings
  }

  static func ownerFindings(
    _ name: String, _ shape: TableShape, _ session: PostgresSession
  ) throws -> [Finding] {
    let owner = try session.first(
      """
      SELECT pg_has_role(relowner, 'USAGE'), quote_ident(current_user), quote_ident(pg_get_userbyid(relowner))
      FROM pg_class WHERE oid = $1
      """, [.integer(shape.oid)]
    ) { (owns: $0.bool(0), role: $0.string(1), owner: $0.string(2)) }
    guard let owner, !owner.owns else { return [] }
    return [
      Finding(
        .error, name, "only the owner of a table can attach and detach its triggers",
        remedy: "GRANT \(owner.owner) TO \(owner.role)")
    ]
  }
}
