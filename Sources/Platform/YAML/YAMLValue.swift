/// A node being read against a schema. Each reading either gives the value or reports what is wrong and gives nil,
/// so that one pass finds everything; `YAMLDocument.read` throws what was reported.
package struct YAMLValue {
  package let node: YAMLNode
  let found: ProblemList

  package var place: Place { node.place }

  /// Reports a problem at this value.
  package func report(_ code: String, _ message: String, hint: String? = nil) {
    found.add(Problem(place, code: code, message, hint: hint))
  }

  /// The text of a single value exactly as written: `59.0` stays `59.0`.
  package func string() -> String? { scalar(expected: "a text")?.text }

  package func integer(in range: ClosedRange<Int> = Int.min...Int.max) -> Int? {
    guard let (text, isPlain) = scalar(expected: "a whole number") else { return nil }
    guard isPlain, let number = Int(text) else { return mismatch("a whole number", text) }
    guard range.contains(number) else {
      return mismatch("a number from \(range.lowerBound) to \(range.upperBound)", text)
    }
    return number
  }

  package func bool() -> Bool? {
    guard let (text, isPlain) = scalar(expected: "true or false") else { return nil }
    guard isPlain, let bool = Bool(text) else { return mismatch("true or false", text) }
    return bool
  }

  /// A whole number with one of the units `ms`, `s`, `m`, `h`, `d`.
  package func duration(in range: ClosedRange<Duration> = .zero ... .days(36_500)) -> Duration? {
    guard let (text, _) = scalar(expected: "a duration") else { return nil }
    guard let duration = Duration(text) else { return mismatch("a duration like 250ms, 30s, 5m, 2h or 1d", text) }
    guard range.contains(duration) else {
      return mismatch("a duration from \(range.lowerBound.shortest) to \(range.upperBound.shortest)", text)
    }
    return duration
  }

  /// A whole number of bytes, with one of the units `kB`, `MB`, `GB`, `TB` (powers of 1000) or with none.
  package func bytes(in range: ClosedRange<Int64> = 0 ... .max) -> Int64? {
    guard let (text, _) = scalar(expected: "a number of bytes") else { return nil }
    guard let bytes = Int64(byteCount: text) else {
      return mismatch("a number of bytes like 500MB or 10GB", text)
    }
    guard range.contains(bytes) else { return mismatch("at least \(range.lowerBound) bytes", text) }
    return bytes
  }

  /// One of the raw values of `type`, in the order its cases are declared.
  package func choice<Choice: RawRepresentable<String> & CaseIterable>(_ type: Choice.Type) -> Choice? {
    let names = type.allCases.map(\.rawValue)
    guard let (text, _) = scalar(expected: "one of \(names.joined(separator: ", "))") else { return nil }
    if let choice = type.init(rawValue: text) { return choice }
    report(
      "yaml.value", "expected one of \(names.joined(separator: ", ")), got \"\(text)\"",
      hint: nearest(to: text, among: names).map { "did you mean \"\($0)\"?" })
    return nil
  }

  /// Reads a mapping with known keys. Every key that `read` did not ask for is reported, so ask for all of them
  /// before leaving early.
  package func mapping<Result>(_ read: (YAMLReader) -> Result?) -> Result? {
    guard let entries = entries() else { return nil }
    let reader = YAMLReader(entries, place: place, found: found)
    let result = read(reader)
    reader.reportUnknownKeys()
    return result
  }

  /// The elements that `read` made something of, in order.
  package func list<Element>(_ read: (YAMLValue) -> Element?) -> [Element]? {
    guard case .sequence(let nodes) = node.content else { return mismatch("a list", nil) }
    return nodes.compactMap { read(YAMLValue(node: $0, found: found)) }
  }

  /// Reads a mapping whose keys are names of the writer's choice, in the order written. The key is a value too, so
  /// that it has a place and can be checked.
  package func named<Element>(
    _ read: (_ name: YAMLValue, _ value: YAMLValue) -> Element?
  ) -> [(name: String, value: Element)]? {
    entries()?.compactMap { entry in
      let name = YAMLNode(.scalar(entry.name, isPlain: true), at: entry.place)
      return read(YAMLValue(node: name, found: found), YAMLValue(node: entry.value, found: found))
        .map { (entry.name, $0) }
    }
  }

  private func entries() -> [YAMLNode.Entry]? {
    guard case .mapping(let entries) = node.content else { return mismatch("a mapping (key: value)", nil) }
    return entries
  }

  private func scalar(expected: String) -> (text: String, isPlain: Bool)? {
    guard case .scalar(let text, let isPlain) = node.content else { return mismatch(expected, nil) }
    return (text, isPlain)
  }

  private func mismatch<Value>(_ expected: String, _ text: String?) -> Value? {
    report("yaml.value", "expected \(expected), got \(text.map { "\"\($0)\"" } ?? node.kind)")
    return nil
  }
}

/// Where the values of one document put what they find.
final class ProblemList {
  private(set) var problems: [Problem] = []
  func add(_ problem: Problem) { problems.append(problem) }
}
