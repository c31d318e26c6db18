import Changes
import HTTPTypes
import Hummingbird
import JSON
import Log

/// Conflicts: listed, looked at side by side, decided, and decisions taken back.
extension API {
  private static let usualPage = 50
  private static let mostOnPage = 500

  var conflicts: [Route] {
    [
      Route(
        method: .get, path: "conflicts", summary: "What both sides changed to different values, newest first",
        query: [
          .init(name: "link", meaning: "Only those of this link"),
          .init(name: "open", meaning: "true: only those nobody has decided"),
          .init(name: "before", meaning: "Only those with a lower number: the next page", isNumber: true),
          .init(name: "limit", meaning: "At most this many, 500 at most", isNumber: true),
        ], isPaged: true
      ) { call in
        let limit = try call.count("limit", usual: Self.usualPage, most: Self.mostOnPage)
        let found = try await log.conflicts(
          of: call.query["link"].map { LinkName($0) }, openOnly: call.query["open"] == "true", limit: limit + 1,
          before: try call.query["before"].map { try Route.Call.number($0, "before") })
        let page = found.prefix(limit)
        var headers: HTTPFields = [:]
        if found.count > limit, let last = page.last {
          headers[Self.link] = Self.next("conflicts", call.query, ["link", "open", "limit"], before: last.id)
        }
        return Answer.json(.array(page.map { .object($0.members) }), headers)
      },
      Route(
        method: .get, path: "conflicts/{id}",
        summary: "One conflict, with base, database and application side by side where the server has a token"
      ) { call in
        let conflict = try await conflict(call)
        var members = conflict.members
        // They are values of rows: only for who has shown the token.
        if showsValues {
          members["base"] = conflict.base ?? .null
          members["database"] = conflict.local ?? .null
          members["application"] = conflict.remote ?? .null
        }
        return Answer.json(.object(members))
      },
      Route(
        method: .post, path: "conflicts/{id}/resolve",
        summary: "Decide an open conflict, if both sides still hold what was recorded",
        body: [
          .init(name: "use", meaning: "database or application: the side that is right"),
          .init(name: "value", meaning: "What both sides take instead: any JSON"),
        ]
      ) { call in
        let conflict = try await conflict(call)
        return try await asked(.decide(conflict: conflict.id, try Self.decision(call.body)), of: conflict.link)
      },
      Route(
        method: .post, path: "conflicts/{id}/undo",
        summary: "Take back what a person decided: both sides get again what they held"
      ) { call in
        let conflict = try await conflict(call)
        return try await asked(.undo(conflict: conflict.id), of: conflict.link)
      },
    ]
  }

  private func conflict(_ call: Route.Call) async throws -> ConflictRecord {
    let id = try call.number("id")
    guard let conflict = try await log.conflict(id) else {
      throw Failure(code: "conflict.unknown", message: "there is no conflict \(id)")
    }
    return conflict
  }

  private static func decision(_ body: JSONObject) throws(Failure) -> Decision {
    switch (body["use"]?.stringValue, body["value"]) {
    case ("database", nil): .side(.local)
    case ("application", nil): .side(.remote)
    case (nil, let value?): .value(value)
    default:
      throw Failure(code: "api.body", message: "say use: database, use: application, or value: what both sides take")
    }
  }
}

extension ConflictRecord {
  /// Without the values.
  fileprivate var members: JSONObject {
    [
      "id": .integer(id), "link": .string(link.description), "key": .string(keyText), "kind": .string(kind),
      "field": .optional(field), "policy": .string(policyName), "winner": .optional(winnerName),
      "sequence": .integer(sequence.number), "met_at": metAt.json,
      "state": .string(decision != nil ? "decided" : order == nil ? "open" : "under way"),
    ]
  }
}
