import HTTPTypes
import Hummingbird
import JSON

/// The forms that every answer of the server has: nothing is cached, nothing is guessed from its content.
enum Answer {
  static func body(
    _ text: String, _ type: String, status: HTTPResponse.Status = .ok, _ extra: HTTPFields = [:]
  ) -> Response {
    var headers = extra
    headers[.contentType] = type
    headers[.cacheControl] = "no-store"
    headers[.xContentTypeOptions] = "nosniff"
    return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(string: text)))
  }

  static func json(_ value: JSONValue, status: HTTPResponse.Status = .ok, _ extra: HTTPFields = [:]) -> Response {
    body(value.text, "application/json", status: status, extra)
  }

  /// RFC 9457. The code of an error of ours is its type; `tidemark help CODE` explains it.
  static func problem(
    _ status: HTTPResponse.Status, _ detail: String, code: String? = nil, _ headers: HTTPFields = [:]
  ) -> Response {
    var members: JSONObject = [
      "type": .string(code.map { "urn:tidemark:error:\($0)" } ?? "about:blank"),
      "title": .string(status.reasonPhrase), "status": .integer(status.code), "detail": .string(detail),
    ]
    if let code { members["code"] = .string(code) }
    return body(JSONValue.object(members).text, "application/problem+json", status: status, headers)
  }
}

extension HTTPField.Name {
  /// A name that is written in the source, which is one.
  init(written name: StaticString) {
    guard let parsed = HTTPField.Name("\(name)") else { preconditionFailure("\(name) is no name of a header") }
    self = parsed
  }
}
