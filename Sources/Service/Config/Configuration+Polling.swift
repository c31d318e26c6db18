package import Changes
import Mapping

extension Configuration {
  /// The tables of a database that are polled because the configuration says so, and how. Only tables that links name.
  package func polling(of database: DatabaseSettings) -> [String: PollSettings] {
    settings(of: database) { table in database.tables.first { $0.name == table }?.poll ?? database.poll }
  }

  /// How the other tables would be polled if nothing better can be done.
  package func fallback(of database: DatabaseSettings) -> [String: PollSettings] {
    settings(of: database) { _ in PollSettings() }
  }

  /// The tables of a database of whose rows not everything is told.
  package func restrictions(of database: DatabaseSettings) -> [String: RowRestriction] {
    Dictionary(database.tables.compactMap { table in table.restriction.map { (table.name, $0.rows) } }) { $1 }
  }

  private func settings(
    of database: DatabaseSettings, _ poll: (_ table: String) -> PollSettings?
  ) -> [String: PollSettings] {
    var result: [String: PollSettings] = [:]
    for link in links where link.table.system == database.name && result[link.table.name] == nil {
      guard var settings = poll(link.table.name) else { continue }
      settings.use = use(of: link.table)
      result[link.table.name] = settings
    }
    return result
  }

  private func use(of table: EndpointName) -> TableUse {
    let links = links.filter { $0.table == table }
    let idColumns = links.compactMap(\.idColumn)
    let reads = Set(links.flatMap { $0.mapping.fields.map(\.local) } + idColumns)
    let writes: TableUse.Writes =
      links.contains { $0.direction != .push } ? .rows : idColumns.isEmpty ? .nothing : .columns(idColumns)
    return TableUse(reads: reads.sorted(), writes: writes)
  }
}
