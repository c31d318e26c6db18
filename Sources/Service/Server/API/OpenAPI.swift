import Hummingbird
import JSON

/// The OpenAPI document, made from the routes themselves: it cannot tell of an address that is not there.
enum OpenAPI {
  static func document(_ routes: [Route]) -> JSONValue {
    var paths: [(String, JSONObject)] = []
    for route in routes {
      let path = "/api/v1/\(route.path)"
      let name = route.method.rawValue.lowercased()
      if let index = paths.firstIndex(where: { $0.0 == path }) {
        paths[index].1[name] = operation(route)
      } else {
        paths.append((path, JSONObject([(name, operation(route))])))
      }
    }
    return [
      "openapi": "3.1.0",
      "info": [
        "title": "Tidemark", "version": "1",
        "description":
          "What a running service shows and does. Members may be added; none is removed or changes its meaning.",
      ],
      "paths": .object(JSONObject(paths.map { ($0.0, .object($0.1)) })),
      "security": [["token": []]],
      "components": [
        "securitySchemes": ["token": ["type": "http", "scheme": "bearer"]],
        "schemas": [
          "Problem": [
            "type": "object", "description": "RFC 9457",
            "properties": [
              "type": text("A URN of the error's code, or about:blank"), "title": text("The status in words"),
              "status": ["type": "integer"], "detail": text("What happened and what to do"),
              "code": text("The error's code: tidemark help CODE explains it"),
            ],
            "required": ["type", "title", "status", "detail"],
          ]
        ],
        "responses": [
          "Problem": [
            "description": "What went wrong",
            "content": ["application/problem+json": ["schema": ["$ref": "#/components/schemas/Problem"]]],
          ]
        ],
      ],
    ]
  }

  private static func operation(_ route: Route) -> JSONValue {
    var members: JSONObject = [
      "summary": .string(route.summary),
      "operationId": .string(
        route.method.rawValue.lowercased() + "_"
          + route.path.map { $0.isLetter ? String($0) : "_" }.joined().replacing("__", with: "_")),
      "parameters": .array(
        route.parameterNames.map { name in
          [
            "name": .string(name), "in": "path", "required": true,
            "schema": ["type": name == "id" ? "integer" : "string"],
          ]
        }
          + route.query.map { parameter in
            [
              "name": .string(parameter.name), "in": "query", "required": false,
              "description": .string(parameter.meaning),
              "schema": ["type": parameter.isNumber ? "integer" : "string"],
            ]
          }),
      "responses": .object(responses(route)),
    ]
    if !route.body.isEmpty {
      let properties = route.body.map { ($0.name, text($0.meaning)) }
      members["requestBody"] = [
        "required": false,
        "content": [
          "application/json": ["schema": ["type": "object", "properties": .object(JSONObject(properties))]]
        ],
      ]
    }
    return .object(members)
  }

  private static func responses(_ route: Route) -> JSONObject {
    var responses: JSONObject = [:]
    switch route.method {
    case .delete: responses["204"] = ["description": "Done"]
    case .post where !route.path.hasPrefix("backfills"):
      responses["202"] = .object(
        content("Asked for", ["Location": ["description": "Where to ask how far it is", "schema": ["type": "string"]]]))
    default:
      let paging: JSONObject =
        route.isPaged ? ["Link": ["description": "The next page (RFC 8288)", "schema": ["type": "string"]]] : [:]
      responses["200"] = .object(content("The answer", paging))
    }
    for status in ["400", "401", "403", "404", "409", "421", "503"] {
      responses[status] = ["$ref": "#/components/responses/Problem"]
    }
    return responses
  }

  private static func content(_ description: String, _ headers: JSONObject) -> JSONObject {
    var members: JSONObject = [
      "description": .string(description), "content": ["application/json": ["schema": .object([:])]],
    ]
    if !headers.isEmpty { members["headers"] = .object(headers) }
    return members
  }

  private static func text(_ description: String) -> JSONValue {
    ["type": "string", "description": .string(description)]
  }
}
