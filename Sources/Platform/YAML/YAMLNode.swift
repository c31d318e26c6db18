/// A parsed piece of YAML and where it was written. Scalars keep their text: `1.10`, `no` and `0777` mean what the
/// reader asks for, not what YAML 1.1 would guess.
package struct YAMLNode: Hashable, Sendable {
  package enum Content: Hashable, Sendable {
    /// Nothing was written, or a plain `~` or `null`.
    case null
    /// `isPlain`: written without quotes, so it may stand for a number or a truth value.
    case scalar(String, isPlain: Bool)
    case sequence([YAMLNode])
    /// In the order written; no name occurs twice.
    case mapping([Entry])
  }

  package struct Entry: Hashable, Sendable {
    package let name: String
    /// Where the key was written.
    package let place: Place
    package let value: YAMLNode

    package init(name: String, place: Place, value: YAMLNode) {
      self.name = name
      self.place = place
      self.value = value
    }
  }

  package let place: Place
  package let content: Content

  package init(_ content: Content, at place: Place) {
    self.content = content
    self.place = place
  }

  /// The text of a single value; nil for anything else.
  package var text: String? {
    if case .scalar(let text, _) = content { text } else { nil }
  }

  /// What kind of thing this is, for messages that say what was found.
  var kind: String {
    switch content {
    case .null: "nothing"
    case .scalar: "a single value"
    case .sequence: "a list"
    case .mapping: "a mapping"
    }
  }
}
