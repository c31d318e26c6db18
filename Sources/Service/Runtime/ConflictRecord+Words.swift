import Changes
package import Log

/// A conflict in the words of the configuration: the log knows sides, people know databases and applications.
extension ConflictRecord {
  /// Nil while nobody has decided.
  package var winnerName: String? { winner.map(Self.name) }

  package var policyName: String {
    switch policy {
    case "local": Self.name(.local)
    case "remote": Self.name(.remote)
    default: policy
    }
  }

  /// The local key as a person types it.
  package var keyText: String { (try? RecordKey(encoded: localKey))?.description ?? localKey }

  private static func name(_ side: Side) -> String { side == .local ? "database" : "application" }
}
