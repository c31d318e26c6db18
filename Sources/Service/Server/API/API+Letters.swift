import Changes
import HTTPTypes
import Hummingbird
import JSON
import Log

/// Dead letters: listed, tried again, dropped.
extension API {
  static let link = HTTPField.Name(written: "Link")

  private static let lettersOnPage = 50
  private static let mostOnPage = 500

  var letters: [Route] {
    [
      Route(
        method: .get, path: "dead-letters", summary: "What delivery gave up on, newest first",
        query: [
          .init(name: "link", meaning: "Only those of this link"),
          .init(name: "code", meaning: "Only those with this reason, such as http.422"),
          .init(name: "before", meaning: "Only those with a lower number: the next page", isNumber: true),
          .init(name: "limit", meaning: "At most this many, 500 at most", isNumber: true),
        ], isPaged: true
      ) { call in
        let limit = try call.count("limit", usual: Self.lettersOnPage, most: Self.mostOnPage)
        var filter = LetterFilter(link: call.query["link"].map { LinkName($0) }, code: call.query["code"])
        filter.before = try call.query["before"].map { try Route.Call.number($0, "before") }
        let found = try await log.deadLetters(matching: filter, limit: limit + 1)
        let page = found.prefix(limit)
        var headers: HTTPFields = [:]
        if found.count > limit, let last = page.last {
          headers[Self.link] = Self.next("dead-letters", call.query, ["link", "code", "limit"], before: last.id)
        }
        return Answer.json(.array(page.map { .object($0.json) }), headers)
      },
      Route(
        method: .get, path: "dead-letters/counts", summary: "How many dead letters there are of each link and reason"
      ) { _ in
        Answer.json(
          .array(
            try await log.deadLetterCounts().map { count in
              [
                "link": .string(count.link.description), "direction": .string(count.direction.description),
                "code": .string(count.code), "message": .string(count.message), "count": .integer(count.count),
                "newest_at": count.newest.json,
              ]
            }))
      },
      Route(method: .get, path: "dead-letters/{id}", summary: "One dead letter, without its row") { call in
        Answer.json(.object(try await letter(call).whole(showsRow: false)))
      },
      Route(method: .post, path: "dead-letters/{id}/retry", summary: "Try a dead letter again") { call in
        let letter = try await letter(call)
        guard letter.logged != nil else {
          throw Failure(code: "letter.empty", message: "the letter holds no change: it can only be dropped")
        }
        return try await asked(.retry([letter.id]), of: letter.link)
      },
      Route(method: .delete, path: "dead-letters/{id}", summary: "Take a dead letter off the list for good") { call in
        try await log.dropDeadLetters([try await letter(call).id])
        return Response(status: .noContent)
      },
    ]
  }

  private func letter(_ call: Route.Call) async throws -> DeadLetter {
    let id = try call.number("id")
    guard let letter = try await log.deadLetters(matching: LetterFilter(ids: [id]), limit: 1).first else {
      throw Failure(code: "letter.unknown", message: "there is no dead letter \(id)")
    }
    return letter
  }

  /// RFC 8288. Only names that are known go into it, so nothing of a stranger's comes back.
  static func next(_ path: String, _ query: [String: String], _ names: [String], before: Int64) -> String {
    let kept = names.compactMap { name in query[name].map { "\(name)=\(encoded($0))&" } }
    return "</api/v1/\(path)?\(kept.joined())before=\(before)>; rel=\"next\""
  }

  private static func encoded(_ text: String) -> String {
    text.utf8.map { byte in
      let isPlain =
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || (48...57).contains(byte)
        || [UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_")].contains(byte)
      return isPlain ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
  }
}
