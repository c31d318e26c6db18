package import Changes
package import Config
import Mapping
import YAML

extension Configuration {
  /// What is wrong with the columns that a link, or the restriction of its table, names.
  package func columnFindings(of link: LinkSettings, _ database: any AttachedDatabase) async throws -> [Finding] {
    let findings = try await link.columnFindings(database)
    let settings = databases.first { $0.name == link.table.system }?.tables.first { $0.name == link.table.name }
    guard let restriction = settings?.restriction else { return findings }
    return try await findings + restriction.findings(of: link, database)
  }
}

extension TableRestriction {
  fileprivate func findings(of link: LinkSettings, _ database: any AttachedDatabase) async throws -> [Finding] {
    let columns = try await database.columns(of: link.table.name)
    let key = try await database.keyColumns(of: link.table.name)
    var findings = rows.faults(columns: columns, key: key).map { fault in
      let place = columnPlaces[fault.column].map { "\($0): " } ?? ""
      let guess = nearest(to: fault.column, among: columns).map { "did you mean \"\($0)\"?" }
      let advice: String =
        switch fault {
        case .unknown: guess ?? "its columns are \(columns.joined(separator: ", "))"
        case .ofKey: "take it out here"
        }
      return Finding(.error, "\(link.table)", fault.message, remedy: place + advice)
    }
    for field in link.mapping.fields where columns.contains(field.local) && !rows.tells(field.local, key: key) {
      findings.append(
        Finding(
          .error, "\(link.table)", "link \(link.name) maps \"\(field.local)\", which is not told",
          remedy: "\(link.place): add it to columns, or take it out of the link's fields"))
    }
    guard findings.isEmpty, let fault = try await database.conditionFault(of: link.table.name) else { return findings }
    return [
      Finding(
        .error, "\(link.table)", "where: \(fault)", remedy: conditionPlace.map { "\($0)" })
    ]
  }
}

extension LinkSettings {
  /// The columns the link names that its table does not have. A row without such a column would travel as if the column
  /// were empty, so nothing starts before this is put right.
  fileprivate func columnFindings(_ database: any AttachedDatabase) async throws -> [Finding] {
    let columns = try await database.columns(of: table.name)
    return (mapping.fields.map(\.local) + [idColumn].compactMap { $0 })
      .filter { !columns.contains($0) }
      .map { missing in
        let guess = nearest(to: missing, among: columns).map { "did you mean \"\($0)\"?" }
        return Finding(
          .error, "\(table)", "there is no column \"\(missing)\", which link \(name) names",
          remedy: "\(place): \(guess ?? "its columns are \(columns.joined(separator: ", "))")")
      }
  }
}
