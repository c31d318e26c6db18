import JSON
import YAML

extension ListRules {
  /// What most APIs accept at most.
  private static let usualSize = 100
  private enum Method: String, CaseIterable { case GET, POST }

  init?(_ reader: YAMLReader, _ usual: ObjectDefaults) {
    let method = reader["method"].map { $0.choice(Method.self)?.rawValue } ?? "GET"
    let path = reader.required("path")?.path()
    let query = reader["query"]?.pairs() ?? []
    let headers = reader["headers"]?.pairs() ?? []
    let body = reader["body"]?.json()
    let items = reader["items"]?.string() ?? usual.items
    let size = reader["size"]?.mapping { size in
      (size["parameter"]?.string(), size["default"]?.integer(in: 1...5000) ?? Self.usualSize)
    }
    let order = reader["order"]?.choice(Order.self) ?? .any
    let paging = reader["paging"]?.mapping { Paging.read($0) } ?? (usual.paging, End())
    let cursor = reader["cursor"]?.mapping { CursorRules($0) }
    guard let path, let method else { return nil }
    self.init(
      method: method, path: path, query: query, headers: headers, body: body, items: items,
      size: size?.1 ?? Self.usualSize, sizeParameter: size?.0, order: order, paging: paging.0, end: paging.1,
      cursor: cursor)
  }
}

extension ListRules.Paging {
  fileprivate static func read(_ reader: YAMLReader) -> (Self, ListRules.End)? {
    let link = reader["link"]?.string().map { Self.link(path: $0) }
    let header = reader["link_header"]?.string().map { Self.linkHeader($0) }
    let offset = reader["offset"].flatMap { Self.offset($0) }
    let page = reader["page"]?.mapping { page -> Self? in
      let first = page["first"]?.integer(in: 0...1) ?? 1
      return page.required("parameter")?.string().map { .page(parameter: $0, first: first) }
    }
    let token = reader["token"]?.mapping { token -> Self? in
      let parameter = token["parameter"]?.string()
      return token.required("from")?.string().map { .token(parameter: parameter, path: $0) }
    }
    let last = reader["last"]?.mapping { last -> Self? in
      let parameter = last["parameter"]?.string()
      return last.required("item")?.string().map { .last(parameter: parameter, path: $0) }
    }
    let end = ListRules.End(
      more: reader["more"]?.string(), total: reader["total"]?.string(), isShort: reader["short"]?.bool() ?? false)
    let given = [link, header, offset, page, token, last].compactMap { $0 }
    guard given.count == 1, let only = given.first else {
      reader.report("manifest.paging", "expected one of link, link_header, offset, page, token, last")
      return nil
    }
    return (only, end)
  }

  private static func offset(_ value: YAMLValue) -> Self? {
    guard case .mapping = value.node.content else { return value.string().map { .offset(parameter: $0, first: 0) } }
    return value.mapping { offset in
      let first = offset["first"]?.integer(in: 0...1) ?? 0
      return offset.required("parameter")?.string().map { .offset(parameter: $0, first: first) }
    }
  }
}

extension CursorRules {
  fileprivate init?(_ reader: YAMLReader) {
    let parameter = reader["parameter"]?.string()
    let query = reader["query"]?.pairs() ?? []
    let headers = reader["headers"]?.pairs() ?? []
    let body = reader["body"]?.string().map { Source.body(path: $0) }
    let item = reader["item"]?.string().map { Source.item(path: $0) }
    let header = reader["header"]?.string().map { Source.header($0) }
    let link = reader["link"]?.string().map { Source.link(path: $0) }
    let initial = reader["initial"]?.string()
    let overlap = reader["overlap"]?.duration() ?? .zero
    let lag = reader["lag"]?.duration() ?? .zero
    let format = reader["format"]?.choice(TimeFormat.self)
    let sentAs = reader["sent_as"]?.choice(TimeFormat.self)
    let given = [body, item, header, link].compactMap { $0 }
    if given.count != 1 { reader.report("manifest.cursor", "expected one of body, item, header, link") }
    if format == nil, overlap > .zero || lag > .zero || sentAs != nil {
      reader.report(
        "manifest.cursor", "an overlap, a lag and sent_as need the cursor's format", hint: "add `format`")
    }
    guard let source = given.first else { return nil }
    self.init(
      query: query + (parameter.map { [($0, "{cursor}")] } ?? []), headers: headers, source: source, initial: initial,
      overlap: overlap, lag: lag, format: format, sentAs: sentAs)
  }
}
