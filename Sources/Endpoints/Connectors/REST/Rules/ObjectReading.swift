import JSON
import YAML

/// What the manifest says for all of its objects.
struct ObjectDefaults {
  /// A protocol whose answers look alike everywhere.
  enum Dialect: String, CaseIterable {
    case odata
    /// Version 2, which wraps everything in `d`.
    case odata2
  }

  let dialect: Dialect?
  let wrap: String
  let item: String
  let encoding: RequestBody.Encoding
  let clearing: WriteRules.Clearing

  init(_ reader: YAMLReader) {
    dialect = reader["dialect"]?.choice(Dialect.self)
    wrap = reader["wrap"]?.string() ?? ""
    item = reader["item"]?.string() ?? (dialect == .odata2 ? "d" : "")
    encoding = reader["body"]?.choice(RequestBody.Encoding.self) ?? .json
    clearing = reader["clear"]?.choice(WriteRules.Clearing.self) ?? .null
  }

  /// What an object says over it.
  init(_ reader: YAMLReader, over usual: ObjectDefaults) {
    dialect = usual.dialect
    wrap = reader["wrap"]?.string() ?? usual.wrap
    item = reader["item"]?.string() ?? usual.item
    encoding = reader["body"]?.choice(RequestBody.Encoding.self) ?? usual.encoding
    clearing = reader["clear"]?.choice(WriteRules.Clearing.self) ?? usual.clearing
  }

  var items: String {
    switch dialect {
    case nil: ""
    case .odata: "value"
    case .odata2: "d.results"
    }
  }

  var paging: ListRules.Paging {
    switch dialect {
    case nil: .none
    case .odata: .link(path: "@odata.nextLink")
    case .odata2: .link(path: "d.__next")
    }
  }

  var filter: FindRules.Filter? {
    dialect.map { _ in .init(parameter: "$filter", before: "", each: "{field} eq {literal}", join: " and ") }
  }

  var version: VersionRules? {
    dialect.map {
      VersionRules(
        path: $0 == .odata ? "@odata.etag" : "__metadata.etag", header: "ETag", isRaw: true,
        condition: ("If-Match", "{version}"), unknown: nil, body: nil)
    }
  }
}

extension ObjectRules {
  init?(_ reader: YAMLReader, _ usual: ObjectDefaults) {
    let usual = ObjectDefaults(reader, over: usual)
    let id = reader["id"]?.string() ?? "id"
    let list = reader.required("list")?.mapping { ListRules($0, usual) }
    let read = reader["read"]?.mapping { ReadRules($0, item: usual.item) }
    let find = reader["find"]?.mapping { find in list.flatMap { FindRules(find, $0, usual) } }
    func write(_ key: String, _ method: String) -> WriteRules? {
      reader[key]?.mapping { WriteRules($0, method: method, usual, id: id) }
    }
    let (create, update, delete) = (write("create", "POST"), write("update", "PATCH"), write("delete", "DELETE"))
    let version = reader["version"].map { Self.version($0) } ?? usual.version
    let modifiedAt = reader["modified_at"]?.mapping { TimeRules($0) }
    let deleted = reader["deleted"]?.mapping { DeletedRules($0) }
    let idempotency = reader["idempotency"]?.mapping { $0.required("header")?.string() }
    let current = reader["conflict"]?.mapping { $0.required("current")?.string() }
    if (update ?? delete) != nil, read == nil {
      reader.report("manifest.read", "an object that is updated or deleted has to be read", hint: "add `read`")
    }
    guard let list else { return nil }
    self.init(
      id: id, list: list, read: read, find: find, create: create, update: update, delete: delete,
      version: version, modifiedAt: modifiedAt, deleted: deleted, idempotencyHeader: idempotency, current: current)
  }

  /// `none` where the dialect has versions and this object has not.
  private static func version(_ value: YAMLValue) -> VersionRules? {
    if case .scalar("none", _) = value.node.content { return nil }
    return value.mapping { VersionRules($0) }
  }
}

extension ReadRules {
  fileprivate init?(_ reader: YAMLReader, item: String) {
    let item = reader["item"]?.string() ?? item
    let query = reader["query"]?.pairs() ?? []
    guard let path = reader.required("path")?.path() else { return nil }
    if !(path + query.map(\.value).joined()).contains("{id") {
      reader.report("manifest.path", "the path has to contain {id}")
    }
    self.init(path: path, query: query, item: item)
  }
}

extension FindRules {
  fileprivate init?(_ reader: YAMLReader, _ list: ListRules, _ usual: ObjectDefaults) {
    let path = reader["path"].map { $0.path() } ?? list.path
    let items = reader["items"]?.string() ?? list.items
    let fixed = reader["with"]?.pairs() ?? []
    let query = reader["query"]?.pairs() ?? []
    let filter = reader["filter"]?.mapping { Filter($0) }
    let body = reader["body"]?.json()
    let given = [query.isEmpty, filter == nil, body == nil].count { !$0 }
    if given > 1 || given == 0 && usual.filter == nil {
      reader.report("manifest.find", "expected one of query, filter, body")
    }
    guard let path else { return nil }
    self.init(
      path: path, fixed: fixed, query: query, filter: filter ?? (given == 0 ? usual.filter : nil), body: body,
      items: items)
  }
}

extension FindRules.Filter {
  fileprivate init?(_ reader: YAMLReader) {
    let before = reader["before"]?.string() ?? ""
    let join = reader["join"]?.string() ?? " and "
    guard let parameter = reader.required("parameter")?.string(), let each = reader.required("each")?.string() else {
      return nil
    }
    self.init(parameter: parameter, before: before, each: each, join: join)
  }
}

extension WriteRules {
  /// Methods that carry a write.
  private enum Method: String, CaseIterable { case POST, PUT, PATCH, DELETE }

  fileprivate init?(_ reader: YAMLReader, method: String, _ usual: ObjectDefaults, id: String) {
    let method = reader["method"].map { $0.choice(Method.self)?.rawValue } ?? method
    let usual = ObjectDefaults(reader, over: usual)
    let query = reader["query"]?.pairs() ?? []
    let headers = reader["headers"]?.pairs() ?? []
    let with = reader["with"]?.json()
    if let with, with.objectValue == nil { reader["with"]?.report("manifest.with", "expected a mapping") }
    let idInBody = reader["id_in_body"]?.string()
    let source = reader["id"]?.mapping { reader -> IdSource? in
      let body = reader["body"]?.string().map { IdSource.body(path: $0) }
      let location = reader["location"]?.bool() == true ? IdSource.address(header: "Location") : nil
      let address = reader["address"]?.string().map { IdSource.address(header: $0) }
      let field = reader["field"]?.string().map { IdSource.field($0) }
      let given = [body, location, address, field].compactMap { $0 }
      if given.count != 1 { reader.report("manifest.id", "expected one of body, field, address, location: true") }
      return given.first
    }
    let created = reader["created"]?.integer(in: 200...299)
    guard let path = reader.required("path")?.path(), let method else { return nil }
    self.init(
      method: method, path: path, query: query, headers: headers, encoding: usual.encoding, clearing: usual.clearing,
      wrap: usual.wrap, with: with?.objectValue, idInBody: idInBody, item: usual.item,
      id: source ?? .body(path: usual.item.isEmpty ? id : "\(usual.item).\(id)"), created: created)
  }
}

extension VersionRules {
  fileprivate init?(_ reader: YAMLReader) {
    let path = reader["path"]?.string()
    let header = reader["header"]?.string()
    let ifMatch = reader["if_match"]?.string()
    let condition = reader["condition"]?.mapping { condition -> (header: String, value: String)? in
      guard let name = condition.required("header")?.string(), let value = condition.required("value")?.string() else {
        return nil
      }
      return (name, value)
    }
    let unknown = reader["unknown"]?.string()
    let body = reader["body"]?.string()
    if path == nil, header == nil { reader.report("manifest.version", "expected path or header, or both") }
    if ifMatch != nil, condition != nil { reader.report("manifest.version", "expected one of if_match, condition") }
    let sent = ifMatch.map { (header: "If-Match", value: $0) } ?? condition
    // What is sent without quotes has to have them itself.
    self.init(
      path: path, header: header, isRaw: sent.map { $0.value == "{version}" } ?? false, condition: sent,
      unknown: unknown, body: body)
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
    let exists = reader["exists"]?.bool() ?? false
    let id = reader["id"]?.string()
    guard let field = reader.required("field")?.string(), let value else { return nil }
    // A bare nil would be a JSON null.
    self.init(field: field, value: exists ? JSONValue?.none : value, id: id)
  }
}
