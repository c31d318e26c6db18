package import Changes
import Postgres

extension PostgresDatabase {
  package func check(_ tables: [String]) async throws -> [Finding] {
    let (capture, polling, fallen) = (capture, polling, fallen)
    let attached = tables.filter { polling[$0] == nil }
    let polled = tables.filter { polling[$0] != nil }
    return try await reading.run { session in
      var findings = Self.serverFindings(session)
      if !attached.isEmpty { findings += try InstallRequirements.databaseFindings(session) }
      for name in attached { findings += try Self.findings(name, session) }
      if !attached.isEmpty { findings += try capture.findings(attached, session) }
      for name in polled { findings += try PollRequirements.findings(name, polling[name] ?? PollSettings(), session) }
      return findings + (try capture.findings(polled: polled.filter(fallen.contains), session))
    }
  }

  private static func serverFindings(_ session: PostgresSession) -> [Finding] {
    guard session.serverVersion < 140_000 else { return [] }
    return [Finding(.error, "server", "PostgreSQL \(session.serverVersion / 10000) is too old: expected 14 or newer")]
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
      SELECT has_schema_privilege(relnamespace, 'USAGE'), quote_ident(current_user),
        (SELECT string_agg(p, ', ') FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p
          WHERE NOT has_table_privilege(c.oid, p))
      FROM pg_class c WHERE oid = $1
      """, [.integer(shape.oid)]
    ) { (schema: $0.bool(0), role: $0.string(1), lacks: $0.optionalString(2)) }
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
    return try findings + InstallRequirements.ownerFindings(name, shape, session)
  }

  static func ruleFindings(
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
