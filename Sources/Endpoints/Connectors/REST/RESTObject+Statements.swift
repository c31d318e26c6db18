import Changes
import JSON

extension RESTObject {
  /// The request without what shows who is calling.
  func statements(for write: Write) async throws -> [String] {
    let rules: WriteRules? =
      switch write.action {
      case .create: self.rules.create
      case .update: self.rules.update
      case .delete: self.rules.delete
      }
    guard let rules else {
      throw Failure(code: "connector.action", message: "\(endpoint) has no \(write.action)")
    }
    let headers = self.headers(of: write, ifMatch: write.expected?.version.flatMap(ifMatch))
    let lines = ["\(rules.method) \(try url(rules.path, id: write.key?.description))"]
    return lines + headers.map { "\($0.name): \($0.value)" } + [body(of: write, rules)?.text].compactMap { $0 }
  }
}
