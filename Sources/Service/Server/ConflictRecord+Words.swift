import Changes
package import Log

/// A conflict in the words of the configuration: the log knows sides, people know databases and applications.
extension ConflictRecord {
  /// How it ended, as part of a sentence; nil while nobody has decided.
  package var outcome: String? {
    switch decision {
    case .side(let side)?: "the \(Self.name(side)) won"
    case .value?: "both took a value of their own"
    case nil: nil
    }
  }

  /// `database`, `application`, or `both` where both took another value; nil while nobody has decided.
  package var winnerName: String? {
    switch decision {
    case .side(let side)?: Self.name(side)
    case .value?: "both"
    case nil: nil
    }
  }

  /// As the configuration writes it.
  package var policyName: String {
    policy.split(separator: ", ").map { word in
      switch word {
      case "local": Self.name(.local)
      case "remote": Self.name(.remote)
      default: String(word)
      }
    }.joined(separator: ", ")
  }

  /// The local key as a person types it.
  package var keyText: String { (try? RecordKey(encoded: localKey))?.description ?? localKey }

  private static func name(_ side: Side) -> String { side == .local ? "database" : "application" }
}
