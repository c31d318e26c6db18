import Changes
import Hummingbird
import JSON

/// One address of the API: how it is answered, and how the OpenAPI document tells of it.
struct Route: Sendable {
  /// A request that came this way.
  struct Call: Sendable {
    /// What stands at the places in braces, percent-decoded.
    let parameters: [String: String]
    let query: [String: String]
    /// Empty where the request has none.
    let body: JSONObject

    func parameter(_ name: String) -> String { parameters[name] ?? "" }

    /// - Throws: `Failure` for what is no number.
    func number(_ name: String) throws(Failure) -> Int64 { try Self.number(parameter(name), name) }

    static func number(_ text: String, _ name: String) throws(Failure) -> Int64 {
      guard let number = Int64(text) else { throw Failure(code: "api.parameter", message: "\(name) is a number") }
      return number
    }

    /// A number of the query between 1 and `most`.
    func count(_ name: String, usual: Int, most: Int) throws(Failure) -> Int {
      guard let text = query[name] else { return usual }
      guard let number = Int(text), (1...most).contains(number) else {
        throw Failure(code: "api.parameter", message: "\(name) is a number from 1 to \(most)")
      }
      return number
    }
  }

  struct Parameter: Sendable {
    let name: String
    let meaning: String
    var isNumber = false
  }

  let method: HTTPRequest.Method
  /// Such as `links/{link}/pause`, below `/api/v1/`.
  let path: String
  let summary: String
  var query: [Parameter] = []
  /// Members of the body, all of them optional texts.
  var body: [Parameter] = []
  /// Paths whose answer is a page of a listing.
  var isPaged = false
  let answer: @Sendable (Call) async throws -> Response

  var parts: [Substring] { path.split(separator: "/") }
  var parameterNames: [String] {
    parts.filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) }
  }

  /// What stands at the places in braces; nil if the path is another one.
  func parameters(of path: [String]) -> [String: String]? {
    guard path.count == parts.count else { return nil }
    var parameters: [String: String] = [:]
    for (part, given) in zip(parts, path) {
      if part.hasPrefix("{") {
        guard let text = Self.decoded(given) else { return nil }
        parameters[String(part.dropFirst().dropLast())] = text
      } else if part != given {
        return nil
      }
    }
    return parameters
  }

  /// Nil for what is not percent-encoded UTF-8.
  static func decoded(_ text: some StringProtocol) -> String? {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
        return nil
      }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
  }
}
