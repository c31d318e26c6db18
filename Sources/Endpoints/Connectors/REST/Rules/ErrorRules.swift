import HTTP
import JSON
import YAML

/// What an answer that is no success means: the one table in which a failure's fate is decided.
struct ErrorRules: Sendable {
  enum Class: String, Sendable, CaseIterable {
    /// Nothing was written; this record may work later.
    case retry
    /// The application asks for fewer requests, of everybody.
    case throttle
    /// The whole application cannot be used for now.
    case unavailable
    /// The token or session is not good any more; nothing was written.
    case relogin
    /// The record is not what the write expected.
    case conflict
    /// The record does not exist any more.
    case gone
    /// It never will work as it stands.
    case permanent
    /// The write may have happened.
    case ambiguous
  }

  private static let longestError = 16_384

  /// What the manifest says, over the defaults.
  var byStatus: [Int: Class] = [:]
  /// Paths to the application's own code for an error, in a JSON answer.
  var codePaths: [String] = []
  /// What these codes mean, whatever the status, also that of a success.
  var byCode: [String: Class] = [:]

  /// What an answer means; nil: it is a success.
  /// - Parameter repeatable: whether sending the same again has no second effect. Where it has, a status that a server
  ///   or a gateway may send after the work was done is ambiguous.
  func classify(_ response: HTTPResponse, repeatable: Bool) -> Class? {
    let isSuccess = (200..<300).contains(response.status)
    // An error has few words; a page of records is not read for one.
    if !byCode.isEmpty, !isSuccess || response.body.count <= Self.longestError, let code = code(in: response),
      let said = byCode[code]
    {
      return said
    }
    guard !isSuccess else { return nil }
    return classify(response.status, patience: response.retryAfter != nil, repeatable: repeatable)
  }

  private func classify(_ status: Int, patience: Bool, repeatable: Bool) -> Class {
    if let said = byStatus[status] { return said }
    switch status {
    case 500, 408, 502, 504:
      if !repeatable { return .ambiguous }
      return status == 500 ? .retry : .unavailable
    case 401: return .relogin
    case 429: return .throttle
    // Some applications limit their callers under these statuses; without Retry-After they mean something else.
    case 403, 503: return patience ? .throttle : .unavailable
    case 409, 412: return .conflict
    case 404, 410: return .gone
    case 400..<500: return .permanent
    // A redirect on a write is refused: following it could repeat the write elsewhere.
    case 300..<400: return .permanent
    default: return repeatable ? .retry : .ambiguous
    }
  }

  /// The application's own code for what went wrong. Only a word is one: an answer's text may hold anybody's data.
  func code(in response: HTTPResponse) -> String? {
    guard !codePaths.isEmpty, let body = try? JSONValue(parsing: response.body) else { return nil }
    for path in codePaths {
      guard let code = body.at(path), code.arrayValue == nil, code.objectValue == nil, !code.isNull else { continue }
      let text = code.plainText
      let isWord = text.utf8.count <= 64 && text.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x40 }
      if isWord, !text.isEmpty { return text }
    }
    return nil
  }
}

extension ErrorRules {
  /// Classes by status, and under `codes` by the application's own codes, found at `code`.
  init?(_ value: YAMLValue) {
    var rules = ErrorRules()
    let read = value.named { name, value -> Bool? in
      switch name.node.text {
      case "code":
        if case .sequence = value.node.content {
          rules.codePaths = value.list { $0.string() } ?? []
        } else {
          rules.codePaths = value.string().map { [$0] } ?? []
        }
      case "codes":
        let codes = value.named { _, value in value.choice(Class.self) } ?? []
        rules.byCode = Dictionary(codes.map { ($0.name, $0.value) }) { first, _ in first }
      default:
        guard let status = name.integer(in: 200...599), let said = value.choice(Class.self) else { return nil }
        rules.byStatus[status] = said
      }
      return true
    }
    if !rules.byCode.isEmpty, rules.codePaths.isEmpty {
      value.report("manifest.errors", "codes need the place where they are", hint: "add `code: error.code`")
    }
    guard read != nil else { return nil }
    self = rules
  }
}
