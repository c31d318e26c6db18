import JSON
import YAML

extension RESTRules {
  /// Reads what a manifest says, and reports everything that is wrong in it.
  init?(_ root: YAMLReader) {
    let url = root["url"]?.string()
    let settings = root["settings"]?.named { _, value in Self.usual(value) } ?? []
    let authentication = root["authentication"].map { AuthenticationRules.read($0) } ?? .some([])
    let headers = root["headers"]?.pairs() ?? []
    let usual = ObjectDefaults(root)
    let written = root.required("objects")
    let objects = written?.named { _, value in
      root.value(Self.whole(value, of: written)).mapping { ObjectRules($0, usual) }
    }
    let errors = root["errors"].map { ErrorRules($0) } ?? ErrorRules()
    let limits = root["limits"].map { $0.mapping { LimitRules($0) } } ?? .usual
    let batch = root["batch"]?.mapping { BatchRules($0) }
    let webhook = root["webhook"]?.mapping { ReceiverRules($0) }
    Self.refuseReservedSettings(root["settings"])
    guard let authentication, let objects, let errors, let limits else { return nil }
    self.init(
      url: url, settings: settings.map { ($0.name, $0.value) }, authentication: authentication, headers: headers,
      objects: Dictionary(objects.map { ($0.name, $0.value) }) { first, _ in first }, errors: errors,
      limits: limits, batch: batch, webhook: webhook)
  }

  /// The object with the keys of the one it is like, where it has none of its own.
  private static func whole(_ value: YAMLValue, of objects: YAMLValue?) -> YAMLNode {
    guard case .mapping(let all)? = objects?.node.content else { return value.node }
    var (node, seen) = (value.node, [] as [String])
    while case .mapping(let own) = node.content, let like = own.first(where: { $0.name == "like" }) {
      let name = like.value.text ?? ""
      let rest = own.filter { $0.name != "like" }
      guard !seen.contains(name), case .mapping(let model)? = all.first(where: { $0.name == name })?.value.content
      else {
        value.report("manifest.like", "there is no object \"\(name)\" to be like")
        return YAMLNode(.mapping(rest), at: value.place)
      }
      seen.append(name)
      let names = Set(rest.map(\.name))
      node = YAMLNode(.mapping(rest + model.filter { !names.contains($0.name) }), at: value.place)
    }
    return node
  }

  /// Nil inside: nothing was written, so the connector has to say it.
  private static func usual(_ value: YAMLValue) -> String?? {
    if case .null = value.node.content { return .some(nil) }
    return value.string().map { .some($0) }
  }

  /// Settings are keys of a connector and places in templates.
  private static func refuseReservedSettings(_ value: YAMLValue?) {
    let reserved = ["use", "url", "auth", "webhook", "object", "id", "cursor", "until", "size", "token", "last"]
    _ = value?.named { name, _ in
      if let text = name.node.text, reserved.contains(text) {
        name.report("manifest.settings", "\"\(text)\" means something else", hint: "use another name")
      }
      return true
    }
  }
}

extension BatchRules {
  init?(_ reader: YAMLReader) {
    let path = reader.required("path")?.path()
    let size = reader.required("size")?.integer(in: 2...1000)
    let requests = reader["requests"]?.string() ?? "requests"
    let request = reader.required("request")?.json()
    let responses = reader["responses"]?.string() ?? "responses"
    let answer = reader.required("response")?.mapping { answer -> BatchRules? in
      let number = answer["number"]?.string()
      let status = answer["status"]?.string() ?? "status"
      let headers = answer["headers"]?.string()
      let body = answer["body"]?.string() ?? "body"
      return BatchRules(
        path: "", size: 0, requests: "", request: .null, responses: "", number: number, status: status,
        headers: headers, body: body)
    }
    guard let path, let size, let request, var rules = answer else { return nil }
    (rules.path, rules.size, rules.requests, rules.request, rules.responses) =
      (path, size, requests, request, responses)
    self = rules
  }
}

extension YAMLValue {
  /// Names and texts in the order written.
  func pairs() -> [(name: String, value: String)] { named { _, value in value.string() } ?? [] }

  /// A path template below the base URL.
  func path(needsId: Bool = false) -> String? {
    guard let text = string() else { return nil }
    guard text.isEmpty || text.hasPrefix("/"), !text.contains("?"), !text.contains("#") else {
      report("manifest.path", "a path starts with / and has no query, got \"\(text)\"")
      return nil
    }
    if needsId, !text.contains("{id}"), !text.contains("{id|") {
      report("manifest.path", "the path has to contain {id}")
    }
    return text
  }

  /// A plain scalar as the JSON it would be, a quoted one as a string; lists and mappings of them.
  func json() -> JSONValue? {
    switch node.content {
    case .null: return .null
    case .scalar(let text, let isPlain):
      if isPlain, let value = try? JSONValue(parsing: text) { return value }
      return .string(text)
    case .sequence: return list { $0.json() }.map { .array($0) }
    case .mapping: return named { _, value in value.json() }.map { .object(JSONObject($0.map { ($0.name, $0.value) })) }
    }
  }
}
