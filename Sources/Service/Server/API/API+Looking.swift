import Changes
import Hummingbird
import JSON
import Log

/// What can be looked at.
extension API {
  var looking: [Route] {
    [
      Route(method: .get, path: "status", summary: "How everything stands") { _ in
        Answer.json(try await status().json)
      },
      Route(method: .get, path: "links", summary: "The links") { _ in
        let status = try await status()
        return Answer.json(.array(status.links.map { $0.json(status.health(of: $0)) }))
      },
      Route(method: .get, path: "links/{link}", summary: "One link") { call in
        let (status, name) = (try await status(), call.parameter("link"))
        guard let link = status.links.first(where: { $0.name == name }) else { throw Self.unknownLink(name) }
        return Answer.json(link.json(status.health(of: link)))
      },
      Route(
        method: .get, path: "links/{link}/records/{key}",
        summary: "The story of one record, by its key in the database or its id in the application"
      ) { call in
        guard let story = try await story(call.parameter("link"), call.parameter("key")) else {
          throw Self.unknownLink(call.parameter("link"))
        }
        return Answer.json(story)
      },
      Route(method: .get, path: "backfills", summary: "The backfills of late") { _ in
        Answer.json(.array(try await status().backfills.map(\.json)))
      },
      Route(method: .get, path: "requests/{id}", summary: "How far something is that was asked for") { call in
        let id = try call.number("id")
        guard let request = try await log.request(id) else {
          throw Failure(code: "request.unknown", message: "there is no request \(id)")
        }
        return Answer.json(Self.json(request))
      },
      Route(method: .get, path: "openapi.json", summary: "This API, as OpenAPI 3.1 describes it") { _ in
        Answer.json(OpenAPI.document(routes))
      },
    ]
  }

  func link(_ name: String) async throws -> StatusReport.Link {
    guard let link = try await status().links.first(where: { $0.name == name }) else { throw Self.unknownLink(name) }
    return link
  }

  static func unknownLink(_ name: String) -> Failure {
    Failure(code: "link.unknown", message: "there is no link \(name)")
  }

  static func json(_ request: ControlRequest) -> JSONValue {
    [
      "id": .integer(request.id), "link": .string(request.link.description), "kind": .string(request.work.kind),
      "state": .string(request.state.rawValue), "changes": .integer(request.changes),
      "message": .optional(request.message),
    ]
  }
}
