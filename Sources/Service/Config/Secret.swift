/// A value nobody may see by accident: descriptions, dumps and reflection of it show no more than `<redacted>`.
package struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// As the file refers to it, for example `${env:CRM_TOKEN}`. Safe to show.
  package let reference: String
  private let value: String

  package init(_ value: String, reference: String) {
    self.value = value
    self.reference = reference
  }

  /// The secret itself, for the one place that sends it.
  package func revealed() -> String { value }

  package var description: String { "<redacted>" }
  package var debugDescription: String { "<redacted>" }
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// The address of a PostgreSQL database, whose password is never shown.
package struct PostgresURL: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  private let text: String

  /// - Parameter text: a connection URI as libpq reads it (PostgreSQL manual, "Connection URIs").
  package init?(_ text: String) {
    guard text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") else { return nil }
    self.text = text
  }

  /// The address with its password, for libpq.
  package func revealed() -> String { text }

  /// The address with `***` for the password.
  package var description: String {
    let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let query = parts.count == 2 ? "?" + Self.redactedQuery(parts[1]) : ""
    // A password with an unencoded `?` ends behind it: then everything from the first colon on is hidden.
    if query.contains("@") { return Self.redactedUser(text) }
    return Self.redactedUser(String(parts[0])) + query
  }

  package var debugDescription: String { description }
  package var customMirror: Mirror { Mirror(self, children: [:]) }

  private static func redactedUser(_ text: String) -> String {
    guard let scheme = text.firstRange(of: "://"), let at = text.lastIndex(of: "@"), at >= scheme.upperBound,
      let colon = text[scheme.upperBound..<at].firstIndex(of: ":")
    else { return text }
    return text[..<colon] + ":***" + text[at...]
  }

  private static func redactedQuery(_ query: Substring) -> String {
    query.split(separator: "&", omittingEmptySubsequences: false).map { parameter in
      let name = parameter.prefix { $0 != "=" }
      return name.lowercased().hasSuffix("password") ? "\(name)=***" : String(parameter)
    }.joined(separator: "&")
  }
}
