import Changes
import HTTP
import JSON

/// Reads an object's list page by page, however the application turns pages.
struct Listing: Sendable {
  let object: EndpointName
  let rules: ListRules
  let api: API

  struct Page {
    var items: [JSONValue]
    var next: NextPage?
    /// What the cursor would be if the listing ended here; nil if the page does not tell.
    var cursor: JSONValue?
  }

  /// One page.
  /// - Parameters:
  ///   - cursor: list only what changed since; nil lists everything there is.
  ///   - place: nil for the first page.
  /// - Throws: `EndUnavailable`, `Failure`, or `Refused` for an answer that is not a 2xx.
  func page(since cursor: JSONValue?, at place: NextPage?, filter: Filter = .changes, size: Int? = nil) async throws
    -> Page
  {
    let url = url(since: cursor, at: place, filter: filter, size: size ?? rules.size)
    let response: HTTPResponse
    do { response = try await api.send("GET", url) } catch { throw error.asRead(at: "listing \(object)") }
    guard (200..<300).contains(response.status) else { throw Refused(response, at: "listing \(object)") }
    guard let body = try? JSONValue(parsing: response.body), let items = body.at(itemsPath(filter))?.arrayValue else {
      throw EndUnavailable(
        Failure(
          code: "connector.answer", message: "listing \(object): the answer has no list at '\(itemsPath(filter))'"))
    }
    let next = try next(after: place, url: url, items: items.count, body: body, headers: response.headers)
    if let next, next == place {
      throw Failure(code: "connector.paging", message: "listing \(object): the next page is the same page again")
    }
    return Page(items: items, next: next, cursor: newCursor(items, body, response.headers))
  }

  /// What a listing is for.
  enum Filter: Sendable {
    case changes
    case everything
    case find(FindRules, JSONObject)
  }

  private func itemsPath(_ filter: Filter) -> String {
    if case .find(let find, _) = filter { find.items } else { rules.items }
  }

  private func url(since cursor: JSONValue?, at place: NextPage?, filter: Filter, size: Int) -> String {
    if case .url(let url)? = place { return url }
    var path = rules.path
    var query: [(name: String, value: String)]
    switch filter {
    case .changes: query = rules.query + cursorQuery(cursor)
    case .everything: query = rules.query
    case .find(let find, let match):
      path = find.path
      query = match.members.flatMap { member in
        let values = ["field": member.name, "value": member.value.plainText, "json": member.value.text]
        return find.query.map { (Template.text($0.name, values), Template.text($0.value, values)) }
      }
    }
    if let parameter = rules.sizeParameter { query.append((parameter, String(size))) }
    switch (rules.paging, place) {
    case (.page(let parameter, let first), nil): query.append((parameter, String(first)))
    case (.page(let parameter, _), .number(let number)?), (.offset(let parameter), .number(let number)?):
      query.append((parameter, String(number)))
    case (.token(let parameter, _), .token(let token)?): query.append((parameter, token))
    default: break
    }
    return api.url(path.replacing("{object}", with: Template.encoded(object.name)), query: query)
  }

  private func cursorQuery(_ cursor: JSONValue?) -> [(name: String, value: String)] {
    guard let rules = rules.cursor else { return [] }
    guard let cursor else { return rules.initial.map { [(rules.parameter, $0)] } ?? [] }
    guard let format = rules.format, rules.overlap > .zero, let moment = format.moment(cursor) else {
      return [(rules.parameter, cursor.plainText)]
    }
    let earlier = Timestamp(microseconds: moment.microseconds - rules.overlap.microseconds)
    return [(rules.parameter, format.text(earlier))]
  }

  private func next(
    after place: NextPage?, url: String, items: Int, body: JSONValue, headers: HTTPHeaders
  ) throws(Failure) -> NextPage? {
    switch rules.paging {
    case .none: return nil
    case .link(let path): return try link(body.at(path)?.stringValue, from: url)
    case .linkHeader(let name): return try link(headers.values(name).lazy.compactMap(nextLink).first, from: url)
    case .token(_, let path):
      guard let token = body.at(path), !token.isNull, !token.plainText.isEmpty else { return nil }
      return .token(token.plainText)
    // A short page is no sign of the end: servers cap the size they were asked for without a word.
    case .page(_, let first):
      guard items > 0 else { return nil }
      if case .number(let number)? = place { return .number(number + 1) }
      return .number(first + 1)
    case .offset:
      guard items > 0 else { return nil }
      if case .number(let number)? = place { return .number(number + items) }
      return .number(items)
    }
  }

  private func link(_ link: String?, from page: String) throws(Failure) -> NextPage? {
    guard let link, !link.isEmpty else { return nil }
    return .url(api.withoutIdentity(try api.address.resolve(link, from: page)))
  }

  private func newCursor(_ items: [JSONValue], _ body: JSONValue, _ headers: HTTPHeaders) -> JSONValue? {
    switch rules.cursor?.source {
    case nil: nil
    case .body(let path)?: body.at(path).flatMap { $0.isNull ? nil : $0 }
    case .header(let name)?: headers[name].map { .string(entityTag($0)) }
    case .item(let path)?: items.compactMap { $0.at(path) }.max(by: isEarlier)
    }
  }
}

/// The target of `rel="next"` in a `Link` header (RFC 8288), or the value itself where it is a bare URL.
private func nextLink(_ value: String) -> String? {
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

/// Numbers by size, anything else as text: right for ISO dates, which is what cursors are.
func isEarlier(_ a: JSONValue, _ b: JSONValue) -> Bool {
  if case .number(let a) = a, case .number(let b) = b { return a < b }
  return a.plainText < b.plainText
}

extension Duration {
  var microseconds: Int64 { components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000 }
}
