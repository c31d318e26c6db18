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
    let request = try request(write, rules, condition: write.expected?.version)
    let lines = ["\(request.method) \(request.url)"] + request.headers.map { "\($0.name): \($0.value)" }
    return lines + [request.body.map { String(decoding: $0.bytes, as: UTF8.self) }].compactMap { $0 }
  }
}
