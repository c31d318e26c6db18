import Changes
import JSON

/// What keeps the work of both sides: sets that are joined, texts and lists that both wrote into.
extension FieldPolicy {
  func union(_ question: Question, _ separator: String?) -> JSONValue? {
    func elements(_ value: JSONValue) -> [JSONValue]? {
      switch value {
      case .null: return []
      case .array(let elements): return elements
      case .string(let text):
        return separator.map { separator in
          text.split(separator: separator).map { JSONValue.string(Self.trimmed($0)) }.filter { $0 != "" }
        }
      case .bool, .number, .object: return nil
      }
    }
    guard let local = elements(question.local), let remote = elements(question.remote),
      let base = elements(question.base ?? .null)
    else { return nil }
    let joined = Self.joined(base, local, remote)
    // A set of text parts is written as the text that it is.
    let isText = [question.local, question.remote].contains { $0.stringValue != nil }
    guard isText, let separator else { return .array(joined) }
    return .string(joined.map(\.plainText).joined(separator: separator))
  }

  /// What the base had comes first, in its order; what was added follows in an order that does not depend on who added it.
  private static func joined(_ base: [JSONValue], _ local: [JSONValue], _ remote: [JSONValue]) -> [JSONValue] {
    let (here, there, before) = (Set(local), Set(remote), Set(base))
    var told: Set<JSONValue> = []
    let kept = base.filter { here.contains($0) && there.contains($0) && told.insert($0).inserted }
    let added = here.union(there).subtracting(before).map { ($0, $0.text) }.sorted { $0.1 < $1.1 }.map(\.0)
    return kept + added
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    return String(text)
  }

  func appended(_ question: Question) -> JSONValue? {
    switch (question.base, question.local, question.remote) {
    case (let base?, .string(let local), .string(let remote)):
      guard let before = base.isNull ? "" : base.stringValue else { return nil }
      return Self.appended(Array(before), Array(local), Array(remote), question).map { .string(String($0)) }
    case (let base?, .array(let local), .array(let remote)):
      guard let before = base.isNull ? [] : base.arrayValue else { return nil }
      return Self.appended(before, local, remote, question).map { .array($0) }
    default: return nil
    }
  }

  private static func appended<Element: Hashable>(
    _ base: [Element], _ local: [Element], _ remote: [Element], _ question: Question
  ) -> [Element]? {
    guard let here = Insertion(base, local), let there = Insertion(base, remote) else { return nil }
    let isLocalFirst =
      here.place != there.place ? here.place < there.place : question.isLocalEarlier
    let (first, second) = isLocalFirst ? (here, there) : (there, here)
    var joined = Array(base[..<first.place])
    joined.append(contentsOf: first.elements)
    joined.append(contentsOf: base[first.place..<second.place])
    joined.append(contentsOf: second.elements)
    joined.append(contentsOf: base[second.place...])
    return joined
  }
}

extension Question {
  /// Any order would do as long as it does not depend on which side is called local.
  fileprivate var isLocalEarlier: Bool {
    if let here = localChangedAt, let there = remoteChangedAt, here != there { return here < there }
    return local.text.utf8.lexicographicallyPrecedes(remote.text.utf8)
  }
}

/// The one thing that was put into a text or a list.
private struct Insertion<Element: Hashable> {
  let place: Int
  let elements: ArraySlice<Element>

  /// Nil if something else happened too.
  init?(_ base: [Element], _ changed: [Element]) {
    guard changed.count > base.count else { return nil }
    var head = 0
    while head < base.count, base[head] == changed[head] { head += 1 }
    var tail = 0
    while tail < base.count - head, base[base.count - 1 - tail] == changed[changed.count - 1 - tail] { tail += 1 }
    guard head + tail == base.count else { return nil }
    place = head
    elements = changed[head..<changed.count - tail]
  }
}
