package import Changes
package import Config
import Connectors
import HTTP

/// Looks at everything a configuration names and changes nothing: `tidemark check`.
package struct Inspection: Sendable {
  private let configuration: Configuration

  package init(_ configuration: Configuration) { self.configuration = configuration }

  /// Everything that stands in the way of `attach` and `run`, databases first.
  package func findings() async throws -> [Finding] {
    var findings: [Finding] = []
    for database in configuration.databases { findings += await self.findings(of: database) }
    for connector in configuration.connectors { findings += await self.findings(of: connector) }
    return findings
  }

  private func findings(of database: DatabaseSettings) async -> [Finding] {
    let tables = configuration.tables(of: database.name)
    do {
      let opened = try await Assembly.open(database, of: configuration, tables: tables)
      return try await findings(of: database.name, opened, tables: tables)
    } catch {
      return [
        Finding(.error, database.name, "the database cannot be looked at: \(error)", remedy: "\(database.place)")
      ]
    }
  }

  /// What stands in the way at an opened database: `attach` asks for this as well.
  package func findings(
    of name: String, _ database: any AttachedDatabase, tables: [String]
  ) async throws -> [Finding] {
    let links = configuration.links.filter { $0.table.system == name && tables.contains($0.table.name) }
    var findings = try await database.check(tables).map { finding in
      // A table is told with the place that names it.
      guard let link = links.first(where: { $0.table.name == finding.subject }) else { return finding }
      var finding = finding
      finding.subject = "\(link.table)"
      finding.remedy = finding.remedy ?? "\(link.tablePlace)"
      return finding
    }
    guard !findings.contains(where: { $0.severity == .error }) else { return findings }
    for link in links {
      for finding in try await configuration.columnFindings(of: link, database) where !findings.contains(finding) {
        findings.append(finding)
      }
      if let slow = try await keyFinding(of: link, database) { findings.append(slow) }
    }
    return findings
  }

  /// A record that is new to the link is looked for in its table by the link's key.
  private func keyFinding(of link: LinkSettings, _ database: any AttachedDatabase) async throws -> Finding? {
    guard link.direction != .push, !link.key.isEmpty,
      let index = try await database.indexAdvice(for: link.key, of: link.table.name)
    else { return nil }
    return Finding(
      .warning, "\(link.table)",
      "the table is large and has no index on the key of link \(link.name) (\(link.key.joined(separator: ", "))): each record"
        + " that the application alone has is looked for by reading all of it", remedy: index)
  }

  /// One harmless read of each object proves the address and the credentials.
  private func findings(of connector: ConnectorSettings) async -> [Finding] {
    var findings: [Finding] = []
    do {
      let api = try connector.make(HTTPClient())
      for link in configuration.links where link.object.system == connector.name {
        do {
          let object = try api.object(link.object.name, pull: link.pull)
          if let finding = link.finding(for: object) { findings.append(finding) }
          if object.changes != nil { _ = try await object.chunk(from: nil, limit: 1) }
        } catch {
          let address = connector.url.map { ": \(connector.name) is at \($0)" } ?? ""
          findings.append(Finding(.error, "\(link.object)", "\(error)", remedy: "\(link.objectPlace)\(address)"))
        }
      }
    } catch {
      findings.append(Finding(.error, connector.name, "\(error)", remedy: "\(connector.usePlace)"))
    }
    return findings
  }
}
