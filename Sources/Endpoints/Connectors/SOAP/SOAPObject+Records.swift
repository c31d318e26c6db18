import Changes
import JSON

extension SOAPObject {
  func records(_ keys: [RecordKey]) async throws -> [RecordKey: Record] {
    let found = try await concurrently(keys) { key in try await self.read(key) }
    return Dictionary(zip(keys, found).compactMap { key, record in record.map { (key, $0) } }) { first, _ in first }
  }

  /// The record, or nil if there is none.
  func read(_ key: RecordKey) async throws -> Record? {
    let doing = "reading \(endpoint)"
    guard let read = rules.read, let path = read.item else {
      throw Failure(code: "connector.read", message: "\(endpoint) cannot be read by id")
    }
    let stamp = stamps.now()
    do {
      let answer = try await client.call(read, arguments(read, ["id": key.values.first]), of: rules, at: doing)
      guard let item = JSONValue.object(answer).at(path), item.objectValue != nil else { return nil }
      return try record(item, stamp: stamp)
    } catch let fault as SOAPFault where fates.classify(fault, repeatable: true) == .gone {
      return nil
    } catch {
      throw fates.meaning(error, at: doing)
    }
  }

  func find(_ match: JSONObject) async throws -> [Record] {
    switch rules.find {
    case nil: throw Failure(code: "connector.find", message: "\(endpoint) cannot be looked up by its fields")
    case .call(let call, let path)?:
      let doing = "looking up a record of \(endpoint)"
      var asked = call
      asked.send = call.send.flatMap { argument in
        match.members.map { member in
          let values = ["field": member.name, "value": member.value.plainText]
          return (Template.text(argument.name, values), argument.value.replacing(values))
        }
      }
      let stamp = stamps.now()
      let answer: JSONObject
      do { answer = try await client.call(asked, arguments(asked, [:]), of: rules, at: doing) } catch {
        throw fates.meaning(error, at: doing)
      }
      return try JSONValue.object(answer).items(at: path).compactMap { try record($0, stamp: stamp) }
        .filter { $0.fields.contains(match) }
    case .listing?:
      // What changed while it was walked may come twice: the last word counts.
      var found: [RecordKey: Record] = [:]
      var place = ListingPlace()
      repeat {
        let stamp = stamps.now()
        let page = try await page(place)
        for item in page.items {
          let key = RecordKey(.string(try identity(of: item)))
          found[key] = try record(item, stamp: stamp).flatMap { $0.fields.contains(match) ? $0 : nil }
        }
        place = page.following
      } while place.page != nil
      return Array(found.values)
    }
  }

  func chunk(from position: Position?, limit: Int) async throws -> Chunk {
    let place = try position.map { position throws(Failure) -> ListingPlace in
      if let place = turns.place(of: position) { return place }
      throw Failure(code: "connector.position", message: "the position does not belong to \(endpoint)")
    }
    let stamp = stamps.now()
    let page = try await page(place ?? ListingPlace(), limit: max(1, limit))
    let next = page.following.page == nil ? nil : turns.position(page.following)
    return Chunk(try page.items.compactMap { try record($0, stamp: stamp) }, next: next)
  }
}
