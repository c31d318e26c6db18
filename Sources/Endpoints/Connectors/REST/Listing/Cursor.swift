import Changes
import JSON

extension CursorRules {
  /// A cursor as it is sent: stepped back by the overlap, in the form requests have; what comes first where there is none.
  func sent(_ cursor: JSONValue?) -> JSONValue? {
    guard let cursor else { return initial.map { .string($0) } }
    guard let format, overlap > .zero || sentAs != nil, let moment = format.moment(cursor) else { return cursor }
    return .string((sentAs ?? format).text(moment.advanced(by: .zero - overlap)))
  }

  /// A record's moment in the form that requests have.
  func converted(_ text: String) -> String? {
    guard let format, let sentAs else { return nil }
    return format.moment(.string(text)).map(sentAs.text)
  }

  /// Up to where it is certain that nothing is still to appear.
  var until: Timestamp { Timestamp.now.advanced(by: .zero - lag) }

  /// A cursor that is not later than that.
  func held(_ cursor: JSONValue) -> JSONValue {
    guard let format, lag > .zero, let moment = format.moment(cursor), moment > until else { return cursor }
    return .string(format.text(until))
  }

  /// Moments where the format says they are.
  func isEarlier(_ a: JSONValue, _ b: JSONValue) -> Bool {
    if let format, let a = format.moment(a), let b = format.moment(b) { return a < b }
    return Connectors.isEarlier(a, b)
  }
}

/// Numbers by size, anything else as text: right for ISO dates, which is what most cursors are.
func isEarlier(_ a: JSONValue, _ b: JSONValue) -> Bool {
  if case .number(let a) = a, case .number(let b) = b { return a < b }
  return a.plainText < b.plainText
}

/// The target of `rel="next"` in a `Link` header (RFC 8288), or the value itself where it is a bare URL.
func nextLink(_ value: String) -> String? {
  guard value.hasPrefix("<") else { return value.contains("<") ? nil : value }
  for part in value.split(separator: "<") {
    guard let end = part.firstIndex(of: ">") else { continue }
    let parameters = part[end...].lowercased().split { ";,".contains($0) }.map { $0.filter { !" \"".contains($0) } }
    if parameters.contains("rel=next") { return String(part[..<end]) }
  }
  return nil
}

/// An ETag without its quotes and its `W/`.
func entityTag(_ text: String) -> String {
  let tag = text.hasPrefix("W/") ? text.dropFirst(2) : text[...]
  return tag.count >= 2 && tag.hasPrefix("\"") && tag.hasSuffix("\"") ? String(tag.dropFirst().dropLast()) : String(tag)
}
