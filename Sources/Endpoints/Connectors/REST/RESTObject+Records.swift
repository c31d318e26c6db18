import Changes
import HTTP
import JSON

extension RESTObject {
  func records(_ keys: [RecordKey]) async throws -> [RecordKey: Record] {
    let found = try await unwrapped {
      try await concurrently(keys) { key in try await self.read(key) }
    }
    return Dictionary(found.compactMap { $0 }.map { ($0.key, $0) }) { first, _ in first }
  }

  /// - Throws: `Failure` if the manifest does not say how this object is looked up.
  func find(_ match: JSONObject) async throws -> [Record] {
    guard let find = rules.find else {
      throw Failure(code: "connector.find", message: "\(endpoint) cannot be looked up by its fields")
    }
    var found: [Record] = []
    var next: NextPage?
    // The application's filter may be looser than equality, so pages are read until it is certain.
    for _ in 0..<findPageLimit {
      let stamp = stamps.now()
      let page = try await unwrapped {
        try await listing.page(since: nil, at: next, filter: .find(find, match))
      }
      found += try page.items.compactMap { try record($0, stamp: stamp) }.filter { $0.fields.contains(match) }
      guard found.count < 2, page.next != nil else { return found }
      next = page.next
    }
    throw Failure(
      code: "connector.find", message: "looking up a record of \(endpoint): the application does not narrow its list")
  }

  func chunk(from position: Position?, limit: Int) async throws -> Chunk {
    try await chunk(from: position, limit: limit, since: nil)
  }

  /// - Parameter since: where the listing begins, as a cursor; nil: everything there is.
  func chunk(from position: Position?, limit: Int, since: JSONValue?) async throws -> Chunk {
    let place: ListingPlace
    if let position {
      guard let mark = turns.place(of: position) else {
        throw Failure(code: "connector.position", message: "the position does not belong to \(endpoint)")
      }
      place = mark
    } else {
      place = ListingPlace()
    }
    let stamp = stamps.now()
    let page = try await Urgency.$current.withValue(.backfill) {
      try await unwrapped {
        try await listing.page(
          since: since, at: place.page?.next, filter: since == nil ? .everything : .changes,
          size: max(1, min(limit, rules.list.size)))
      }
    }
    var following = place
    following.page = page.next.map { ListingPlace.PageMark(next: $0) }
    return Chunk(
      try page.items.compactMap { try record($0, stamp: stamp) },
      next: page.next == nil ? nil : turns.position(following))
  }

  /// The record, or nil if there is none.
  func read(_ key: RecordKey) async throws -> Record? {
    guard let read = rules.read else {
      throw Failure(code: "connector.read", message: "\(endpoint) cannot be read by id")
    }
    let place = "reading \(endpoint)"
    let url = try url(read.path, query: read.query, id: key.description)
    let stamp = stamps.now()
    let response: HTTPResponse
    do {
      response = try await api.read(APIRequest(method: "GET", url: url), at: place)
    } catch let refusal as Refused where refusal.meaning == .gone {
      return nil
    }
    guard let item = (try? JSONValue(parsing: response.body))?.at(read.item), item.objectValue != nil else {
      // A page of a proxy, or another API: not the record's fault.
      throw EndUnavailable(
        Failure(code: "connector.answer", message: "\(place): the answer holds no object at '\(read.item)'"))
    }
    return try record(item, version: version(in: response), stamp: stamp)
  }

  func version(in response: HTTPResponse) -> String? {
    guard let rules = rules.version, let text = rules.header.flatMap({ response.headers[$0] }) else { return nil }
    return rules.isRaw ? text : entityTag(text)
  }

  /// An end that is of no use for now, or a refusal of just this.
  func meaning(of refusal: Refused) -> any Error {
    switch refusal.meaning {
    case .retry, .throttle, .unavailable, .relogin, .ambiguous:
      EndUnavailable(refusal.failure, after: refusal.retryAfter)
    // A read that is redirected is led to a login or a page of maintenance, and so is every other.
    case .permanent where (300..<400).contains(refusal.status): EndUnavailable(refusal.failure)
    case .conflict, .gone, .permanent: refusal.failure
    }
  }

  private func unwrapped<Result>(_ body: () async throws -> Result) async throws -> Result {
    do { return try await body() } catch let refusal as Refused { throw meaning(of: refusal) }
  }
}

/// Above it a filter is taken to be ignored: a look-up has one answer, or a few.
private let findPageLimit = 20

extension JSONObject {
  /// Whether every member of `other` is a member here, with an equal value; of objects in it, theirs.
  func contains(_ other: JSONObject) -> Bool {
    other.members.allSatisfy { member in
      switch (self[member.name], member.value) {
      case (.object(let own)?, .object(let wanted)): own.contains(wanted)
      case (let own, let wanted): own == wanted
      }
    }
  }
}
