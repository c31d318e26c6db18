import Changes

/// What shows the application who is calling and never changes. Made once; printed never.
struct Identity: Sendable {
  private(set) var headers: [(name: String, value: String)] = []
  private(set) var query: [(name: String, value: String)] = []

  /// - Parameter given: the credentials, which were checked to be all there.
  init(_ rules: [AuthenticationRules], _ given: [String: String]) {
    func value(_ name: String) -> String { given[name] ?? "" }
    for kind in rules {
      switch kind {
      case .bearer(let name): headers.append(("Authorization", "Bearer " + value(name)))
      case .basic(let username, let password):
        headers.append(("Authorization", Self.basic(value(username), password.map(value) ?? "")))
      case .header(let header, let prefix, let name): headers.append((header, prefix + value(name)))
      case .query(let parameter, let name): query.append((parameter, value(name)))
      case .oauth2, .session, .oauth1, .signature: break
      }
    }
  }

  /// RFC 7617.
  static func basic(_ username: String, _ password: String) -> String {
    "Basic " + Base64.encoded(Array("\(username):\(password)".utf8))
  }

  /// - Throws: `Failure` for a credential that is missing, or that the manifest has no use for. It names no value.
  static func check(
    _ rules: [AuthenticationRules], _ given: [String: String], besides settings: Set<String>, connector: String
  ) throws(Failure) {
    let used = rules.flatMap { $0.credentials(besides: settings) }.uniqued
    for name in used where given[name]?.isEmpty ?? true {
      throw Failure(code: "connector.auth", message: "connector \(connector) needs `auth: { \(name): … }`")
    }
    if let unused = given.keys.sorted().first(where: { !used.contains($0) }) {
      throw Failure(
        code: "connector.auth",
        message: "connector \(connector) has no use for the credential '\(unused)'; it uses "
          + (used.isEmpty ? "none" : used.joined(separator: ", ")))
    }
  }
}
