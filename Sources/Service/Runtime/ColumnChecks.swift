package import Changes
package import Config
import Mapping
import YAML

extension LinkSettings {
  /// The columns the link names that its table does not have. A row without such a column would travel as if the column
  /// were empty, so nothing starts before this is put right.
  package func columnFindings(_ database: any AttachedDatabase) async throws -> [Finding] {
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
