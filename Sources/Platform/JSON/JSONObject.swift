/// The members of a JSON object in the order they were written. Of a repeated name the last value counts.
package struct JSONObject: Sendable {
  package private(set) var members: [(name: String, value: JSONValue)]

  package init() { members = [] }

  package init(_ members: some Sequence<(String, JSONValue)>) {
    self.init()
    for (name, value) in members { self[name] = value }
  }

  /// Linear in the number of members, so that a hostile object of a million names costs no square of it.
  init(parsed: [(String, JSONValue)]) {
    var places: [String: Int] = [:]
    members = []
    members.reserveCapacity(parsed.count)
    for (name, value) in parsed {
      if let place = places.updateValue(members.count, forKey: name) {
        places[name] = place
        members[place].value = value
      } else {
        members.append((name, value))
      }
    }
  }

  package init(parsing bytes: some Sequence<UInt8>) throws(JSONError) {
    guard case .object(let object) = try JSONValue(parsing: bytes) else {
      throw JSONError(offset: 0, reason: "expected an object")
    }
    self = object
  }

  /// Setting nil removes the member. Rows have few members, so a scan beats a table of hashes.
  package subscript(name: String) -> JSONValue? {
    get { members.first { $0.name == name }?.value }
    set {
      let index = members.firstIndex { $0.name == name }
      switch (index, newValue) {
      case (let index?, let value?): members[index].value = value
      case (let index?, nil): members.remove(at: index)
      case (nil, let value?): members.append((name, value))
      case (nil, nil): break
      }
    }
  }

  /// As the subscript, looking at the member at `place` first.
  package func value(of name: String, near place: Int) -> JSONValue? {
    place < members.count && members[place].name == name ? members[place].value : self[name]
  }

  package var names: [String] { members.map(\.name) }
  package var isEmpty: Bool { members.isEmpty }
  package var count: Int { members.count }
  package var bytes: [UInt8] { JSONValue.object(self).bytes }
  package var text: String { JSONValue.object(self).text }

  /// The same members with those of `other` set over them.
  package func merging(_ other: JSONObject) -> JSONObject {
    var result = self
    for (name, value) in other.members { result[name] = value }
    return result
  }

  /// Only the members whose name satisfies `isIncluded`.
  package func filter(_ isIncluded: (String) -> Bool) -> JSONObject {
    var result = JSONObject()
    result.members = members.filter { isIncluded($0.name) }
    return result
  }
}

extension JSONObject: Hashable {
  package static func == (a: JSONObject, b: JSONObject) -> Bool {
    a.count == b.count && a.members.allSatisfy { b[$0.name] == $0.value }
  }

  package func hash(into hasher: inout Hasher) {
    for member in members.sorted(by: { $0.name < $1.name }) {
      hasher.combine(member.name)
      hasher.combine(member.value)
    }
  }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  package init(dictionaryLiteral elements: (String, JSONValue)...) { self.init(elements) }
}
