import Changes
import Hummingbird
import JSON
import Log

/// What can be done to links, backfills and the service itself. What takes a while is a request: answered with 202 and the
/// address that tells how far it is.
extension API {
  var acting: [Route] {
    [
      Route(
        method: .post, path: "links/{link}/pause", summary: "Let a link rest until it is resumed",
        body: [.init(name: "reason", meaning: "Why, for whoever looks at the status")]
      ) { call in
        let link = try await link(call.parameter("link"))
        return try await asked(.pause(reason: call.body["reason"]?.stringValue), of: LinkName(link.name))
      },
      Route(method: .post, path: "links/{link}/resume", summary: "Let a paused link go on") { call in
        try await asked(.resume, of: LinkName(try await link(call.parameter("link")).name))
      },
      Route(method: .post, path: "backfills/{id}/pause", summary: "Let a backfill rest until it is resumed") { call in
        Self.json(try await log.pauseBackfill(try call.number("id")))
      },
      Route(method: .post, path: "backfills/{id}/resume", summary: "Let a backfill go on where it was") { call in
        Self.json(try await log.resumeBackfill(try call.number("id")))
      },
      Route(method: .post, path: "backfills/{id}/cancel", summary: "End a backfill for good") { call in
        Self.json(try await log.cancelBackfill(try call.number("id")))
      },
      Route(
        method: .post, path: "reload", summary: "Have the service read its configuration again",
        query: [.init(name: "dry_run", meaning: "true: only say what would be different")]
      ) { call in
        try await asked(.reload(isDryRun: call.query["dry_run"] == "true"), of: .service)
      },
    ]
  }

  func asked(_ work: ControlRequest.Work, of link: LinkName) async throws -> Response {
    let request = try await log.ask(work, of: link)
    return Answer.json(Self.json(request), status: .accepted, [.location: "/api/v1/requests/\(request.id)"])
  }

  private static func json(_ backfill: Backfill) -> Response {
    Answer.json(
      [
        "id": .integer(backfill.id), "link": .string(backfill.link.description),
        "state": .string(backfill.state.rawValue), "rows": .integer(backfill.rows),
      ])
  }
}
