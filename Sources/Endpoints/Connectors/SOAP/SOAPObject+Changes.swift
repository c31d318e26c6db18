import Changes
import JSON

extension SOAPObject {
  /// The next page of the listing under way, or the first of a new one when it is time or `wake` was called.
  func next(after position: Position?) async throws -> ChangeBatch {
    var place = try turns.resume(position)
    if let pause = try await turns.pause(position, place) { return pause }
    turns.begin(&place)
    let stamp = stamps.now()
    let page: SOAPPage
    do { page = try await self.page(place) } catch {
      turns.abandon(place)
      throw error
    }
    let news = turns.news(try page.items.map { (try identity(of: $0), $0) })
    return turns.batch(news.map { change($0.id, $0.item, stamp) }, following: page.following)
  }

  /// Nothing to release: the application keeps its records.
  func release(through position: Position) async throws {}

  private func change(_ id: String, _ item: JSONValue, _ stamp: Stamp) -> Change {
    Change(
      isTombstone(item) ? .delete : .update, of: endpoint, key: RecordKey(.string(id)), row: item.bytes, stamp: stamp,
      version: version(in: item), committedAt: modifiedAt(item) ?? Timestamp(microseconds: stamp.number))
  }
}

/// Records of one page, and where the listing stands behind it.
struct SOAPPage {
  var items: [JSONValue]
  var following: ListingPlace
}

extension SOAPObject {
  /// The page at a place. A listing under way goes on from its mark: a cursor, or a page's number.
  /// - Throws: `EndUnavailable` or `Failure`.
  func page(_ place: ListingPlace, limit: Int? = nil) async throws -> SOAPPage {
    let list = rules.list
    var values: [String: JSONValue?] = ["size": .integer(min(limit ?? list.size, list.size)), "cursor": .some(nil)]
    values["cursor"] = .some(place.cursor ?? list.initial)
    values["page"] = .some(list.firstPage.map { .integer($0) })
    switch place.page?.next {
    case .token(let token)?: values["cursor"] = .some((try? JSONValue(parsing: token)) ?? .string(token))
    case .number(let number)?: values["page"] = .some(.integer(number))
    case .url?, .last?, nil: break
    }
    let doing = "listing \(endpoint)"
    let answer: JSONObject
    do { answer = try await client.call(list.call, arguments(list.call, values), of: rules, at: doing) } catch {
      throw fates.meaning(error, at: doing)
    }
    let items = JSONValue.object(answer).items(at: list.items)
    return SOAPPage(items: items, following: try following(place, answer, items, doing))
  }

  private func following(
    _ place: ListingPlace, _ answer: JSONObject, _ items: [JSONValue], _ doing: String
  ) throws(Failure) -> ListingPlace {
    let list = rules.list
    let told = list.cursor.flatMap { JSONValue.object(answer).at($0) }.flatMap {
      $0.isNull || $0.plainText.isEmpty ? nil : $0
    }
    let greatest = list.itemCursor.flatMap { path in items.compactMap { $0.at(path) }.max(by: isEarlier) }
    var result = place
    if let more = list.more {
      guard JSONValue.object(answer).at(more)?.plainText == "true" else {
        result.page = nil
        result.cursor = told ?? result.cursor
        return result
      }
      let mark = NextPage.token(told?.text ?? "null")
      guard told != nil, mark != place.page?.next else {
        throw Failure(code: "connector.paging", message: "\(doing): the next page is the same page again")
      }
      result.page = ListingPlace.PageMark(next: mark)
      return result
    }
    var high = place.page?.high ?? place.cursor
    if let seen = told ?? greatest { high = high.map { isEarlier($0, seen) ? seen : $0 } ?? seen }
    if let first = list.firstPage, !items.isEmpty {
      let number = if case .number(let number)? = place.page?.next { number } else { first }
      result.page = ListingPlace.PageMark(next: .number(number + 1), high: high)
    } else {
      result.page = nil
      result.cursor = high
    }
    return result
  }
}

extension JSONValue {
  /// The elements of a list at a path; a single one that no form calls a list is one; nothing there is none.
  func items(at path: String) -> [JSONValue] {
    switch at(path) {
    case nil, .null?, .string("")?: []
    case .array(let items)?: items
    case let item?: [item]
    }
  }
}
