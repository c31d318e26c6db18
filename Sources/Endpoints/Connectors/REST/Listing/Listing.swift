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

  /// What a listing is for.
  enum Filter: Sendable {
    case changes
    case everything
    case find(FindRules, JSONObject)
  }

  /// One page.
  /// - Parameters:
  ///   - cursor: list only what changed since; nil lists everything there is.
  ///   - place: nil for the first page.
  /// - Throws: `EndUnavailable`, `Failure`, or `Refused` for an answer that is no success.
  func page(since cursor: JSONValue?, at place: NextPage?, filter: Filter = .changes, size: Int? = nil) async throws
    -> Page
  {
    let size = size ?? rules.size
    let request = try await request(since: cursor, at: place, filter, size: size)
    let response = try await api.read(request, at: "listing \(object)")
    guard let body = try? JSONValue(parsing: response.body), let items = body.at(itemsPath(filter))?.arrayValue else {
      throw EndUnavailable(
        Failure(
          code: "connector.answer", message: "listing \(object): the answer has no list at '\(itemsPath(filter))'"))
    }
    let answer = Answer(url: request.url, items: items, body: body, headers: response.headers, size: size)
    let next = try await next(after: place, answer)
    if let next, next == place {
      throw Failure(code: "connector.paging", message: "listing \(object): the next page is the same page again")
    }
    return Page(items: items, next: next, cursor: try await newCursor(answer, isLast: next == nil))
  }

  private struct Answer {
    let url: String
    let items: [JSONValue]
    let body: JSONValue
    let headers: HTTPHeaders
    /// How many records were asked for.
    let size: Int
  }

  private func itemsPath(_ filter: Filter) -> String {
    if case .find(let find, _) = filter { find.items } else { rules.items }
  }

  private func request(since cursor: JSONValue?, at place: NextPage?, _ filter: Filter, size: Int) async throws
    -> APIRequest
  {
    let values = values(since: cursor, at: place, size: size)
    let texts = values.mapValues(\.plainText)
    var request = APIRequest(method: "GET", url: "")
    request.headers = rules.headers.map { ($0.name, Template.text($0.value, texts)) }
    if case .changes = filter, cursor != nil || rules.cursor?.initial != nil, let rules = rules.cursor {
      request.headers += rules.headers.map { ($0.name, Template.text($0.value, texts)) }
    }
    if case .url(let url)? = place {
      request.url = url
      return request
    }
    if case .link? = rules.cursor?.source, case .changes = filter, let link = cursor?.stringValue, place == nil {
      request.url = link
      return request
    }
    var path = rules.path
    var query: [(name: String, value: String)]
    if case .find(let find, let match) = filter {
      path = find.path
      query = find.query(match, texts)
      if let body = find.body(match, values) {
        request.method = "POST"
        request.body = RequestBody(value: body, encoding: .json)
      }
    } else {
      query = rules.query.map { ($0.name, Template.text($0.value, texts)) }
      if case .changes = filter {
        let asked = cursorQuery(cursor, texts)
        query = query.filter { pair in !asked.contains { $0.name == pair.name } } + asked
      }
      request.method = rules.method
      if let body = rules.body { request.body = RequestBody(value: body.filled(values), encoding: .json) }
    }
    if let parameter = rules.sizeParameter { query.append((parameter, String(size))) }
    query += pageQuery(place)
    request.url = api.url(
      Template.text(path, api.settings.merging(["object": object.name]) { $1 }, encoding: Template.encoded),
      query: query)
    return request
  }

  /// What templates of a listing may name.
  private func values(since cursor: JSONValue?, at place: NextPage?, size: Int) -> [String: JSONValue] {
    var values = api.settings.mapValues { JSONValue.string($0) }
    values["object"] = .string(object.name)
    values["size"] = .integer(size)
    if let rules = rules.cursor {
      values["cursor"] = rules.sent(cursor)
      values["until"] = rules.format.map { .string((rules.sentAs ?? $0).text(rules.until)) }
    }
    switch place {
    case .token(let token)?: values["token"] = .string(token)
    case .last(let last)?: values["last"] = .string(rules.cursor?.converted(last) ?? last)
    case .number(let number)?: values["number"] = .integer(number)
    case .url?, nil: break
    }
    values["last"] = values["last"] ?? values["cursor"]
    return values
  }

  private func cursorQuery(_ cursor: JSONValue?, _ texts: [String: String]) -> [(name: String, value: String)] {
    guard let rules = rules.cursor, cursor != nil || rules.initial != nil else { return [] }
    return rules.query.map { ($0.name, Template.text($0.value, texts)) }
  }

  private func pageQuery(_ place: NextPage?) -> [(name: String, value: String)] {
    switch (rules.paging, place) {
    case (.page(let parameter, let first), nil): [(parameter, String(first))]
    case (.offset(let parameter, 1), nil): [(parameter, "1")]
    case (.page(let parameter, _), .number(let number)?), (.offset(let parameter, _), .number(let number)?):
      [(parameter, String(number))]
    case (.token(let parameter?, _), .token(let token)?): [(parameter, token)]
    case (.last(let parameter?, _), .last(let last)?): [(parameter, last)]
    default: []
    }
  }

  private func next(after place: NextPage?, _ answer: Answer) async throws(Failure) -> NextPage? {
    guard !isLast(answer, place) else { return nil }
    switch rules.paging {
    case .none: return nil
    case .link(let path): return try await link(answer.body.at(path)?.stringValue, from: answer.url)
    case .linkHeader(let name):
      return try await link(answer.headers.values(name).lazy.compactMap(nextLink).first, from: answer.url)
    case .token(_, let path):
      guard let token = answer.body.at(path), !token.isNull, !token.plainText.isEmpty else { return nil }
      return .token(token.plainText)
    case .last(_, let path): return answer.items.last?.at(path).map { .last($0.plainText) }
    // A short page is no sign of the end: servers cap the size they were asked for without a word.
    case .page(_, let first):
      if case .number(let number)? = place { return .number(number + 1) }
      return .number(first + 1)
    case .offset(_, let first):
      if case .number(let number)? = place { return .number(number + answer.items.count) }
      return .number(first + answer.items.count)
    }
  }

  /// Whether the answer says itself that there is no more, or is empty where only that says it.
  private func isLast(_ answer: Answer, _ place: NextPage?) -> Bool {
    if let path = rules.end.more, answer.body.at(path)?.boolValue == false { return true }
    if rules.end.isShort, answer.items.count < answer.size { return true }
    switch rules.paging {
    case .none, .link, .linkHeader, .token: return false
    case .last: return answer.items.isEmpty
    case .page(_, let first):
      guard !answer.items.isEmpty else { return true }
      guard case .number(let number)? = place ?? .number(first) else { return false }
      return total(answer).map { (number - first + 1) * answer.size >= $0 } ?? false
    case .offset(_, let first):
      guard !answer.items.isEmpty else { return true }
      guard case .number(let number)? = place ?? .number(first) else { return false }
      return total(answer).map { number - first + answer.items.count >= $0 } ?? false
    }
  }

  private func total(_ answer: Answer) -> Int64? {
    rules.end.total.flatMap { answer.body.at($0) }.flatMap { Int64($0.plainText) }
  }

  private func link(_ link: String?, from page: String) async throws(Failure) -> NextPage? {
    guard let link, !link.isEmpty else { return nil }
    return .url(try await api.resolve(link, from: page))
  }

  private func newCursor(_ answer: Answer, isLast: Bool) async throws(Failure) -> JSONValue? {
    guard let rules = rules.cursor else { return nil }
    switch rules.source {
    case .body(let path): return answer.body.at(path).flatMap { $0.isNull ? nil : $0 }
    case .header(let name): return answer.headers[name].map { .string(entityTag($0)) }
    case .item(let path):
      return answer.items.compactMap { $0.at(path) }.filter { !$0.isNull }.max(by: rules.isEarlier).map(rules.held)
    case .link(let path):
      guard isLast, let link = answer.body.at(path)?.stringValue else { return nil }
      return .string(try await api.resolve(link, from: answer.url))
    }
  }
}

extension FindRules {
  /// The parameters that ask for records with these values.
  func query(_ match: JSONObject, _ texts: [String: String]) -> [(name: String, value: String)] {
    var pairs = fixed.map { ($0.name, Template.text($0.value, texts)) }
    for member in Self.flat(match) {
      let values = Self.texts(member)
      pairs += query.map { (Template.text($0.name, values), Template.text($0.value, values)) }
    }
    if let filter {
      let conditions = Self.flat(match).map { Template.text(filter.each, Self.texts($0)) }
      pairs.append(
        (filter.parameter, Template.text(filter.before, texts) + conditions.joined(separator: filter.join)))
    }
    return pairs
  }

  func body(_ match: JSONObject, _ values: [String: JSONValue]) -> JSONValue? {
    body.map { Self.repeated($0, match).filled(values) }
  }

  /// An element of a list that names a field stands for one such element for each field.
  private static func repeated(_ value: JSONValue, _ match: JSONObject) -> JSONValue {
    switch value {
    case .array(let elements):
      return .array(
        elements.flatMap { element -> [JSONValue] in
          let names = element.arrayValue == nil && !holdsList(element) ? element.strings.flatMap(Template.names) : []
          guard names.contains("field") || names.contains("value") else { return [repeated(element, match)] }
          return flat(match).map { member in
            element.filled([
              "field": .string(member.name), "value": .string(member.value.plainText), "json": member.value,
            ])
          }
        })
    case .object(let object): return .object(JSONObject(object.members.map { ($0.name, repeated($0.value, match)) }))
    default: return value
    }
  }

  /// The innermost list is the one that repeats.
  private static func holdsList(_ value: JSONValue) -> Bool {
    value.objectValue?.members.contains { $0.value.arrayValue != nil || holdsList($0.value) } ?? false
  }

  /// Fields inside of others under their dotted names.
  private static func flat(_ match: JSONObject, in path: String = "") -> [(name: String, value: JSONValue)] {
    match.members.flatMap { member -> [(name: String, value: JSONValue)] in
      guard case .object(let inner) = member.value else { return [(path + member.name, member.value)] }
      return flat(inner, in: "\(path)\(member.name).")
    }
  }

  private static func texts(_ member: (name: String, value: JSONValue)) -> [String: String] {
    let literal = member.value.stringValue.map { "'\($0.replacing("'", with: "''"))'" } ?? member.value.text
    return [
      "field": member.name, "value": member.value.plainText, "json": member.value.text, "literal": literal,
    ]
  }
}
