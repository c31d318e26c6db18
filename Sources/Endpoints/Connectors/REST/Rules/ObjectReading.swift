import JSON
import YAML

extension ObjectRules {
  /// - Parameters:
  ///   - wrap: the manifest's own `wrap`, for objects that say nothing else; so with `item`.
  init?(_ reader: YAMLReader, wrap: String, item: String) {
    let wrap = reader["wrap"]?.string() ?? wrap
    let item = reader["item"]?.string() ?? item
    let id = reader["id"]?.string() ?? "id"
    let idInAnswer = item.isEmpty ? id : "\(item).\(id)"
    let fields = reader["fields"]?.list { $0.string() } ?? []
    let list = reader.required("list")?.mapping { ListRules($0) }
    let read = reader["read"]?.mapping { ReadRules($0, item: item) }
    let find = reader["find"]?.mapping { find in list.flatMap { FindRules(find, $0) } }
    func write(_ key: String, _ method: String) -> WriteRules? {
      reader[key]?.mapping { WriteRules($0, method: method, wrap: wrap, item: item, id: idInAnswer) }
    }
    let (create, update, delete) = (write("create", "POST"), write("update", "PATCH"), write("delete", "DELETE"))
    let version = reader["version"]?.mapping { VersionRules($0) }
    let modifiedAt = reader["modified_at"]?.mapping { TimeRules($0) }
    let deleted = reader["deleted"]?.mapping { DeletedRules($0) }
    let idempotency = reader["idempotency"]?.mapping { $0.required("header")?.string() }
    let current = reader["conflict"]?.mapping { $0.required("current")?.string() }
    if (update ?? delete) != nil, read == nil {
      reader.report("manifest.read", "an object that is updated or deleted has to be read", hint: "add `read`")
    }
    guard let list else { return nil }
    self.init(
      id: id, fields: fields, list: list, read: read, find: find, create: create, update: update, delete: delete,
      version: version, modifiedAt: modifiedAt, deleted: deleted, idempotencyHeader: idempotency, current: current)
  }
}

extension ListRules {
  /// What most APIs accept at most.
  private static let usualSize = 100

  fileprivate init?(_ reader: YAMLReader) {
    let path = reader.required("path")?.path()
    let query = reader["query"]?.pairs() ?? []
    let items = reader["items"]?.string() ?? ""
    let size = reader["size"]?.mapping { size in
      (size["parameter"]?.string(), size["default"]?.integer(in: 1...5000) ?? Self.usualSize)
    }
    let order = reader["order"]?.choice(Order.self) ?? .any
    let paging = reader["paging"]?.mapping { Paging($0) } ?? Paging.none
    let cursor = reader["cursor"]?.mapping { CursorRules($0) }
    guard let path else { return nil }
    self.init(
      path: path, query: query, items: items, size: size?.1 ?? Self.usualSize, sizeParameter: size?.0, order: order,
      paging: paging, cursor: cursor)
  }
}

extension ListRules.Paging {
  fileprivate init?(_ reader: YAMLReader) {
    let link = reader["link"]?.string().map { Self.link(path: $0) }
    let header = reader["link_header"]?.string().map { Self.linkHeader($0) }
    let offset = reader["offset"]?.string().map { Self.offset(parameter: $0) }
    let page = reader["page"]?.mapping { page -> Self? in
      let first = page["first"]?.integer(in: 0...1) ?? 1
      return page.required("parameter")?.string().map { .page(parameter: $0, first: first) }
    }
    let token = reader["token"]?.mapping { token -> Self? in
      guard let parameter = token.required("parameter")?.string(), let from = token.required("from")?.string() else {
        return nil
      }
      return .token(parameter: parameter, path: from)
    }
    let given = [link, header, offset, page, token].compactMap { $0 }
    guard given.count == 1, let only = given.first else {
      reader.report("manifest.paging", "expected one of link, link_header, offset, page, token")
      return nil
    }
    self = only
  }
}

extension CursorRules {
  fileprivate init?(_ reader: YAMLReader) {
    let parameter = reader.required("parameter")?.string()
    let body = reader["body"]?.string().map { Source.body(path: $0) }
    let item = reader["item"]?.string().map { Source.item(path: $0) }
    let header = reader["header"]?.string().map { Source.header($0) }
    let initial = reader["initial"]?.string()
    let overlap = reader["overlap"]?.duration() ?? .zero
    let format = reader["format"]?.choice(TimeFormat.self)
    let given = [body, item, header].compactMap { $0 }
    if given.count != 1 { reader.report("manifest.cursor", "expected one of body, item, header") }
    if overlap > .zero, format == nil {
      reader.report("manifest.cursor", "an overlap needs the cursor's format", hint: "add `format`")
    }
    guard let parameter, let source = given.first else { return nil }
    self.init(parameter: parameter, source: source, initial: initial, overlap: overlap, format: format)
  }
}

extension ReadRules {
  fileprivate init?(_ reader: YAMLReader, item: String) {
    let item = reader["item"]?.string() ?? item
    guard let path = reader.required("path")?.path(needsId: true) else { return nil }
    self.init(path: path, item: item)
  }
}

extension FindRules {
  fileprivate init?(_ reader: YAMLReader, _ list: ListRules) {
    let path = reader["path"].map { $0.path() } ?? list.path
    let items = reader["items"]?.string() ?? list.items
    guard let query = reader.required("query")?.pairs(), let path else { return nil }
    self.init(path: path, query: query, items: items)
  }
}

extension WriteRules {
  /// Methods that carry a write.
  private enum Method: String, CaseIterable { case POST, PUT, PATCH, DELETE }

  fileprivate init?(_ reader: YAMLReader, method: String, wrap: String, item: String, id: String) {
    let method = reader["method"].map { $0.choice(Method.self)?.rawValue } ?? method
    let wrap = reader["wrap"]?.string() ?? wrap
    let item = reader["item"]?.string() ?? item
    let source = reader["id"]?.mapping { reader -> IdSource? in
      let body = reader["body"]?.string().map { IdSource.body(path: $0) }
      let location = reader["location"]?.bool() == true ? IdSource.location : nil
      if (body ?? location) == nil { reader.report("manifest.id", "expected one of body, location: true") }
      return body ?? location
    }
    let created = reader["created"]?.integer(in: 200...299)
    guard let path = reader.required("path")?.path(), let method else { return nil }
    self.init(method: method, path: path, wrap: wrap, item: item, id: source ?? .body(path: id), created: created)
  }
}

extension VersionRules {
  fileprivate init?(_ reader: YAMLReader) {
    let path = reader["path"]?.string()
    let header = reader["header"]?.string()
    let ifMatch = reader["if_match"]?.string()
    if path == nil, header == nil { reader.report("manifest.version", "expected path or header, or both") }
    self.init(path: path, header: header, ifMatch: ifMatch)
  }
}

extension TimeRules {
  fileprivate init?(_ reader: YAMLReader) {
    let format = reader["format"]?.choice(TimeFormat.self) ?? .iso8601
    guard let path = reader.required("path")?.string() else { return nil }
    self.init(path: path, format: format)
  }
}

extension DeletedRules {
  fileprivate init?(_ reader: YAMLReader) {
    let value = reader["value"].map { $0.json() } ?? .bool(true)
    guard let field = reader.required("field")?.string(), let value else { return nil }
    self.init(field: field, value: value)
  }
}

extension YAMLValue {
  /// A path template below the base URL.
  fileprivate func path(needsId: Bool = false) -> String? {
    guard let text = string() else { return nil }
    guard text.hasPrefix("/"), !text.contains("?"), !text.contains("#") else {
      report("manifest.path", "a path starts with / and has no query, got \"\(text)\"")
      return nil
    }
    if needsId, !text.contains("{id}") { report("manifest.path", "the path has to contain {id}") }
    return text
  }

  /// A plain scalar as the JSON it would be, a quoted one as a string.
  func json() -> JSONValue? {
    guard let text = string() else { return nil }
    if case .scalar(_, isPlain: true) = node.content, let value = try? JSONValue(parsing: text) { return value }
    return .string(text)
  }
}
