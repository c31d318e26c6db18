/// Takes the keys of one mapping by name, and knows which ones nobody took.
package final class YAMLReader {
  /// Where the mapping starts.
  package let place: Place
  private let entries: [YAMLNode.Entry]
  private let found: ProblemList
  private var asked: [String] = []
  private var isRestLeft = false

  init(_ entries: [YAMLNode.Entry], place: Place, found: ProblemList) {
    self.entries = entries
    self.place = place
    self.found = found
  }

  /// The value of an optional key; nil if it is not there.
  package subscript(key: String) -> YAMLValue? {
    if !asked.contains(key) { asked.append(key) }
    return entries.first { $0.name == key }.map { YAMLValue(node: $0.value, found: found) }
  }

  /// The value of a key that has to be there; reports it where it is not.
  package func required(_ key: String, hint: String? = nil) -> YAMLValue? {
    if let value = self[key] { return value }
    report("yaml.missing-key", "missing key \"\(key)\"", hint: hint)
    return nil
  }

  /// Reports a problem of the mapping as a whole, or at `place`.
  package func report(_ code: String, _ message: String, at place: Place? = nil, hint: String? = nil) {
    found.add(Problem(place ?? self.place, code: code, message, hint: hint))
  }

  /// A node of the same document as a value whose problems are reported here.
  package func value(_ node: YAMLNode) -> YAMLValue { YAMLValue(node: node, found: found) }

  /// What was not asked for is somebody else's to read, or cannot be judged.
  package func leaveRest() { isRestLeft = true }

  /// The entries nobody asked for, as a mapping of their own to be read later; nobody reports them here.
  package func rest() -> YAMLNode {
    leaveRest()
    return YAMLNode(.mapping(entries.filter { !asked.contains($0.name) }), at: place)
  }

  func reportUnknownKeys() {
    guard !isRestLeft else { return }
    let names = Set(entries.map(\.name))
    let free = asked.filter { !names.contains($0) }
    for entry in entries where !asked.contains(entry.name) {
      let guess = nearest(to: entry.name, among: free).map { "did you mean \"\($0)\"?" }
      let hint = guess ?? "known keys: \(asked.joined(separator: ", "))"
      report("yaml.unknown-key", "unknown key \"\(entry.name)\"", at: entry.place, hint: asked.isEmpty ? nil : hint)
    }
  }
}

extension YAMLDocument {
  /// Reads the document's root mapping; an empty document is an empty mapping.
  /// - Throws: everything `read` and the values under it reported. A `read` that gives nil must have reported why.
  package func read<Result>(_ read: (YAMLReader) -> Result?) throws(Problems) -> Result {
    let found = ProblemList()
    let root = self.root.content == .null ? YAMLNode(.mapping([]), at: self.root.place) : self.root
    let result = YAMLValue(node: root, found: found).mapping(read)
    guard found.problems.isEmpty else { throw Problems(found.problems) }
    guard let result else { preconditionFailure("nothing was read and no problem was reported") }
    return result
  }
}
