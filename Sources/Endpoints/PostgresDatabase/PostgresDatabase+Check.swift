package import Changes
import Postgres

extension PostgresDatabase {
  package func check(_ tables: [String]) async throws -> [Finding] {
    let capture = capture
    return try await reading.run { session in
      var findings = try Self.databaseFindings(session)
      for name in tables { findings += try Self.findings(name, session) }
      return findings + (try capture.findings(tables, session))
    }
  }

  private static func databaseFindings(_ session: PostgresSession) throws -> [Finding] {
    var findings: [Finding] = []
    if session.serverVersion < 140_000 {
      findings.append(
        Finding(.error, "server", "PostgreSQL \(session.serverVersion / 10000) is too old: expected 14 or newer"))
    }
    let mayInstall = try session.first(
      """
      SELECT to_regnamespace('tidemark') IS NOT NULL OR has_database_privilege(current_database(), 'CREATE'),
        format('GRANT CREATE ON DATABASE %I TO %I', current_database(), current_user), current_user,
        pg_is_in_recovery()
      """
    ) { ($0.bool(0), $0.string(1), $0.string(2), $0.bool(3)) }
    guard let mayInstall else { return findings }
    if mayInstall.3 {
      findings.append(Finding(.error, "server", "this is a standby: triggers cannot be installed, nor rows written"))
    }
    if !mayInstall.0 {
      findings.append(Finding(.error, mayInstall.2, "may not create the schema tidemark", remedy: mayInstall.1))
    }
    return findings
  }

  private static func findings(_ name: String, _ session: PostgresSession) throws -> [Finding] {
    let shape: TableShape
    do {
      shape = try TableShape.load(name, session)
      try shape.requireKey()
    } catch let failure as Failure {
      return [Finding(.error, name, failure.message)]
    }
    return try privilegeFindings(name, shape, session) + ruleFindings(name, shape, session)
  }

  private static func privilegeFindings(
    _ name: String, _ shape: TableShape, _ session: PostgresSession
  ) throws -> [Finding] {
    var findings: [Finding] = []
    let may = try session.first(
      """
      SELECT has_schema_privilege(relnamespace, 'USAGE'), pg_has_role(relowner, 'USAGE'),
        quote_ident(current_user), quote_ident(pg_get_userbyid(relowner)),
        (SELECT string_agg(p, ', ') FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p
          WHERE NOT has_table_privilege(c.oid, p))
      FROM pg_class c WHERE oid = $1
      """, [.integer(shape.oid)]
    ) { (schema: $0.bool(0), owns: $0.bool(1), role: $0.string(2), owner: $0.string(3), lacks: $0.optionalString(4)) }
    guard let may else { return [] }
    if !may.schema {
      findings.append(
        Finding(
          .error, name, "the role may not look into the schema",
          remedy: "GRANT USAGE ON SCHEMA \(quoted(postgresIdentifier: shape.schema)) TO \(may.role)"))
    }
    if let lacks = may.lacks {
      findings.append(
        Finding(
          .error, name, "the role lacks \(lacks)", remedy: "GRANT \(lacks) ON \(shape.sql) TO \(may.role)"))
    }
    if !may.owns {
      findings.append(
        Finding(
          .error, name, "only the owner of a table can attach and detach its triggers",
          remedy: "GRANT \(may.owner) TO \(may.role)"))
    }
    return findings
  }

  private static func ruleFindings(
    _ name: String, _ shape: TableShape, _ session: PostgresSession
  ) throws -> [Finding] {
    let hides = try session.first("SELECT row_security_active($1::oid)", [.integer(shape.oid)]) { $0.bool(0) }
    guard hides == true else { return [] }
    return [
      Finding(
        .error, name, "row level security hides rows from this role",
        remedy: "ALTER ROLE … BYPASSRLS, or a policy that shows it every row with row_security off")
    ]
  }
}
