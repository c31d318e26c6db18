import YAML

extension RESTRules {
  /// Reads what a manifest says, and reports everything that is wrong in it.
  init?(_ root: YAMLReader) {
    let url = root["url"]?.string()
    let authentication = root["authentication"].map { Authentication($0) } ?? .some(.none)
    let headers = root["headers"].map { $0.pairs() } ?? []
    let wrap = root["wrap"]?.string() ?? ""
    let item = root["item"]?.string() ?? ""
    let objects = root.required("objects")?.named { _, value in
      value.mapping { ObjectRules($0, wrap: wrap, item: item) }
    }
    let errors = root["errors"].map { ErrorRules($0) } ?? ErrorRules(byStatus: [:])
    let limits = root["limits"]?.mapping { $0["concurrency"]?.integer(in: 1...64) ?? usualConcurrency }
    let webhook = root["webhook"]?.mapping { WebhookRules($0) }
    guard let authentication, let objects else { return nil }
    self.init(
      url: url, authentication: authentication, headers: headers,
      objects: Dictionary(objects.map { ($0.name, $0.value) }) { first, _ in first }, errors: errors,
      concurrency: limits ?? usualConcurrency, webhook: webhook)
  }
}

/// Enough to hide the latency of a distant API, few enough for the most careful of them.
private let usualConcurrency = 4

extension RESTRules.Authentication {
  /// `none`, or one of `bearer`, `basic`, `header` and `query` with the names of its credentials.
  fileprivate init?(_ value: YAMLValue) {
    if case .scalar("none", _) = value.node.content {
      self = .none
      return
    }
    let read = value.mapping { reader -> RESTRules.Authentication? in
      let bearer = reader["bearer"]?.string().map { RESTRules.Authentication.bearer(credential: $0) }
      let basic = reader["basic"]?.mapping { basic -> RESTRules.Authentication? in
        guard let username = basic.required("username")?.string(), let password = basic.required("password")?.string()
        else { return nil }
        return .basic(username: username, password: password)
      }
      let header = reader["header"]?.mapping { header -> RESTRules.Authentication? in
        let prefix = header["prefix"]?.string() ?? ""
        guard let name = header.required("name")?.string(), let value = header.required("value")?.string() else {
          return nil
        }
        return .header(name: name, prefix: prefix, credential: value)
      }
      let query = reader["query"]?.mapping { query -> RESTRules.Authentication? in
        guard let name = query.required("name")?.string(), let value = query.required("value")?.string() else {
          return nil
        }
        return .query(parameter: name, credential: value)
      }
      let given = [bearer, basic, header, query].compactMap { $0 }
      if given.count != 1 { reader.report("manifest.authentication", "expected one of bearer, basic, header, query") }
      return given.first
    }
    guard let read else { return nil }
    self = read
  }
}

extension ErrorRules {
  fileprivate init(_ value: YAMLValue) {
    let classes = value.named { name, value -> (Int, Class)? in
      guard let status = name.integer(in: 300...599), let said = value.choice(Class.self) else { return nil }
      return (status, said)
    }
    self.init(byStatus: Dictionary((classes ?? []).map(\.value)) { first, _ in first })
  }
}

extension RESTRules.WebhookRules {
  fileprivate init?(_ reader: YAMLReader) {
    let object = reader["object"]?.string()
    guard let scheme = reader.required("scheme")?.choice(Scheme.self) else { return nil }
    self.init(scheme: scheme, object: object)
  }
}

extension YAMLValue {
  /// Names and texts in the order written.
  func pairs() -> [(name: String, value: String)] { named { _, value in value.string() } ?? [] }
}
