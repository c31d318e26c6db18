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
    // The last `@` ends the user and password, so that a password may hold any character and still be hidden whole;
    // one in the query only hides more.
    let shown = Self.redactedUser(text)
    guard let mark = shown.firstIndex(of: "?") else { return shown }
    return shown[...mark] + Self.redactedQuery(shown[shown.index(after: mark)...])
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
