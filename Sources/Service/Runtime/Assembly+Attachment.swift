import Changes
import Config

extension Assembly {
  /// Attaching changes somebody's database, so it is never done unasked.
  /// - Throws: `Failure` for the first database on which capture is not installed as the configuration wants it.
  package func requireAttachment() async throws {
    for (name, database) in databases {
      let tables = configuration.capturedTables(of: name)
      guard !tables.isEmpty, !(try await database.attachPlan(tables).isEmpty) else { continue }
      throw Failure(
        code: "database.unattached",
        message:
          "\(name) is not attached, or not all of it. Run `tidemark attach` (with --dry-run to see the SQL)")
    }
  }
}
