import Changes
import JSON
import XML
import YAML

/// How an application's SOAP service behaves, as values that were checked when the YAML was read.
struct SOAPRules: Sendable {
  enum Authentication: Sendable, Hashable {
    case none
    case basic(username: String, password: String)
    case bearer(credential: String)
    /// WS-Security: the password as it is, or as a digest.
    case usernameToken(username: String, password: String, isDigest: Bool)

    var credentials: [String] {
      switch self {
      case .none: []
      case .bearer(let credential): [credential]
      case .basic(let username, let password), .usernameToken(let username, let password, _): [username, password]
      }
    }
  }

  var url: String?
  /// A URL, or a path that the connector's folder is before; nil: there is none, and the manifest says everything.
  var wsdl: String?
  var version: SOAPVersion
  var namespace: String?
  /// Whether the elements in the operation's own element are in the namespace too, where no WSDL says it.
  var isQualified: Bool
  var authentication: Authentication
  /// Elements of the SOAP header; `{name}` in a text is a credential.
  var header: [(name: String, value: JSONValue)]
  /// What a fault's code means, over the usual.
  var faults: [String: ErrorRules.Class]
  var objects: [String: SOAPObjectRules]
  var concurrency: Int
}

/// Calls and answers of one object.
struct SOAPObjectRules: Sendable {
  /// Path to the id in a record.
  var id: String
  /// The record's elements in the order the service wants them, with their kinds; empty: the WSDL says it.
  var fields: [(name: String, kind: FieldKind)]
  var list: SOAPListRules
  var read: SOAPCallRules?
  var find: SOAPFindRules?
  var create: SOAPCallRules?
  var update: SOAPCallRules?
  var delete: SOAPCallRules?
  /// Path to the version in a record.
  var version: String?
  var modifiedAt: TimeRules?
  var deleted: DeletedRules?

  enum FieldKind: String, Sendable, CaseIterable {
    case string, number, boolean, list
  }
}

/// One operation.
struct SOAPCallRules: Sendable {
  var operation: String
  /// The SOAP action where no WSDL says it.
  var action: String?
  /// Arguments. A text that is `{id}`, `{version}`, `{cursor}`, `{page}` or `{size}` is that value, and is left out where there is none.
  var send: [(name: String, value: JSONValue)]
  /// The argument that is the record; empty: the record's fields are arguments.
  var wrap: String
  /// Path to the record in the answer; nil: the answer holds none.
  var item: String?
  /// The whole record is sent: it is read first, and what the write does not set is sent as it was.
  var isWhole: Bool
  /// `item` is where a list of records is.
  var isListing = false
}

struct SOAPListRules: Sendable {
  var call: SOAPCallRules
  /// Path to the records.
  var items: String
  var size: Int
  /// Path to a value that is true while there is another page.
  var more: String?
  /// The first page's number where pages are asked for by number.
  var firstPage: Int?
  /// Path to the cursor in the answer.
  var cursor: String?
  /// Path to a value in each record whose greatest is the cursor.
  var itemCursor: String?
  var initial: JSONValue?
}

enum SOAPFindRules: Sendable {
  /// `{field}` and `{value}` in the names and values of its arguments.
  case call(SOAPCallRules, items: String)
  /// The whole list is walked.
  case listing
}

extension SOAPRules {
  init?(_ root: YAMLReader) {
    url = root["url"]?.string()
    wsdl = root["wsdl"]?.string()
    version = root["soap"]?.choice(SOAPVersion.self) ?? .v11
    namespace = root["namespace"]?.string()
    isQualified = root["qualified"]?.bool() ?? true
    authentication = root["authentication"].flatMap { $0.mapping { Authentication($0) } } ?? .none
    header = root["header"]?.named { _, value in value.tree() } ?? []
    let faults = root["faults"]?.named { _, value in value.choice(ErrorRules.Class.self) } ?? []
    self.faults = Dictionary(faults.map { ($0.name, $0.value) }) { first, _ in first }
    concurrency = root["limits"]?.mapping { $0["concurrency"]?.integer(in: 1...64) ?? 2 } ?? 2
    let read = root.required("objects")?.named { _, value in value.mapping { SOAPObjectRules($0) } }
    if wsdl == nil, namespace == nil {
      root.report("manifest.wsdl", "expected a wsdl, or the namespace of the operations")
    }
    guard let read else { return nil }
    objects = Dictionary(read.map { ($0.name, $0.value) }) { first, _ in first }
  }
}

extension SOAPRules.Authentication {
  private enum PasswordType: String, CaseIterable { case text, digest }

  fileprivate init?(_ reader: YAMLReader) {
    func pair(_ reader: YAMLReader) -> (String, String)? {
      let username = reader.required("username")?.string()
      let password = reader.required("password")?.string()
      guard let username, let password else { return nil }
      return (username, password)
    }
    let bearer = reader["bearer"]?.string().map { Self.bearer(credential: $0) }
    let basic = reader["basic"]?.mapping { reader in pair(reader).map { Self.basic(username: $0, password: $1) } }
    let token = reader["username_token"]?.mapping { reader -> Self? in
      let type = reader["type"]?.choice(PasswordType.self) ?? .text
      return pair(reader).map { Self.usernameToken(username: $0, password: $1, isDigest: type == .digest) }
    }
    let given = [bearer, basic, token].compactMap { $0 }
    guard given.count == 1, let only = given.first else {
      reader.report("manifest.authentication", "expected one of bearer, basic, username_token")
      return nil
    }
    self = only
  }
}

extension SOAPObjectRules {
  fileprivate init?(_ reader: YAMLReader) {
    id = reader["id"]?.string() ?? "id"
    fields = (reader["fields"]?.named { _, value in value.choice(FieldKind.self) } ?? []).map { ($0.name, $0.value) }
    let list = reader.required("list")?.mapping { SOAPListRules($0) }
    read = reader["read"]?.mapping { SOAPCallRules($0) }
    find = reader["find"]?.mapping { SOAPFindRules($0) }
    create = reader["create"]?.mapping { SOAPCallRules($0) }
    update = reader["update"]?.mapping { SOAPCallRules($0) }
    delete = reader["delete"]?.mapping { SOAPCallRules($0) }
    version = reader["version"]?.string()
    modifiedAt = reader["modified_at"]?.mapping { time in
      let format = time["format"]?.choice(TimeFormat.self) ?? .iso8601
      return time.required("path")?.string().map { TimeRules(path: $0, format: format) }
    }
    deleted = reader["deleted"]?.mapping { deleted in
      let value = deleted["value"].map { $0.json() } ?? .bool(true)
      guard let field = deleted.required("field")?.string(), let value else { return nil }
      return DeletedRules(field: field, value: value)
    }
    if (update ?? delete) != nil, read?.item == nil {
      reader.report(
        "manifest.read", "an object that is updated or deleted has to be read", hint: "add `read` with its `item`")
    }
    guard let list else { return nil }
    self.list = list
  }
}

extension SOAPCallRules {
  fileprivate init?(_ reader: YAMLReader) {
    action = reader["action"]?.string()
    send = (reader["send"]?.named { _, value in value.tree() } ?? []).map { ($0.name, $0.value) }
    wrap = reader["wrap"]?.string() ?? ""
    item = reader["item"]?.string()
    isWhole = reader["whole"]?.bool() ?? false
    guard let operation = reader.required("operation")?.string() else { return nil }
    self.operation = operation
  }
}

extension SOAPListRules {
  fileprivate init?(_ reader: YAMLReader) {
    let items = reader.required("items")?.string()
    size = reader["size"]?.integer(in: 1...5000) ?? 100
    more = reader["more"]?.string()
    firstPage = reader["first_page"]?.integer(in: 0...1)
    cursor = reader["cursor"]?.string()
    itemCursor = reader["item_cursor"]?.string()
    initial = reader["initial"]?.json()
    if cursor != nil, itemCursor != nil {
      reader.report("manifest.cursor", "expected one of cursor, item_cursor")
    }
    if more != nil, cursor == nil {
      reader.report("manifest.paging", "`more` pages by the cursor", hint: "add `cursor`, the path to it in the answer")
    }
    guard var call = SOAPCallRules(reader), let items else { return nil }
    (call.item, call.isListing) = (items, true)
    self.call = call
    self.items = items
  }
}

extension SOAPFindRules {
  fileprivate init?(_ reader: YAMLReader) {
    if reader["listing"]?.bool() == true {
      self = .listing
      return
    }
    let items = reader.required("items")?.string()
    guard var call = SOAPCallRules(reader), let items else { return nil }
    (call.item, call.isListing) = (items, true)
    self = .call(call, items: items)
  }
}

extension YAMLValue {
  /// A value of any shape as JSON, its members in the order written.
  fileprivate func tree() -> JSONValue? {
    switch node.content {
    case .mapping: named { _, value in value.tree() }.map { .object(JSONObject($0.map { ($0.name, $0.value) })) }
    case .sequence: list { $0.tree() }.map { .array($0) }
    default: json()
    }
  }
}
