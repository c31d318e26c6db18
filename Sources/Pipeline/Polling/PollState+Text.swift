import Changes
import JSON

// A polling state is a place in its source's order, so it is written as text: JSON, members of nothing left out.
extension PollState {
  /// The inverse of `text`; nil for anything else.
  init?(text: String) {
    guard let json = try? JSONObject(parsing: text.utf8), let hasBegun = json["begun"]?.boolValue else { return nil }
    self.init(hasBegun: hasBegun)
    cursor = json["cursor"]?.stringValue
    mark = json["mark"].flatMap(CursorMark.init(json:))
    candidate = json["candidate"]?.objectValue.flatMap(Candidate.init(json:))
    round = json["round"]?.objectValue.flatMap(Round.init(json:))
    roundAt = json["round_at"].flatMap(Timestamp.init(json:))
    sweep = json["sweep"]?.objectValue.flatMap(Sweep.init(json:))
    sweptAt = json["swept_at"].flatMap(Timestamp.init(json:))
    version = json["version"]?.stringValue
    late = json["late"]?.objectValue.flatMap(Wait.init(json:))
    owesSweep = json["owes_sweep"]?.boolValue ?? false
    isSweepNext = json["sweep_next"]?.boolValue ?? false
  }

  var text: String {
    var json: JSONObject = ["begun": .bool(hasBegun)]
    json["cursor"] = cursor.map { .string($0) }
    json["mark"] = mark?.json
    json["candidate"] = candidate.map { .object($0.json) }
    json["round"] = round.map { .object($0.json) }
    json["round_at"] = roundAt?.json
    json["sweep"] = sweep.map { .object($0.json) }
    json["swept_at"] = sweptAt?.json
    json["version"] = version.map { .string($0) }
    json["late"] = late.map { .object($0.json) }
    if owesSweep { json["owes_sweep"] = true }
    if isSweepNext { json["sweep_next"] = true }
    return json.text
  }
}

extension PollState.Wait {
  fileprivate init?(json: JSONObject) {
    guard let at = json["at"].flatMap(Timestamp.init(json:)) else { return nil }
    self.init(at: at, writers: (json["writers"]?.arrayValue?.compactMap(\.stringValue)).map(Set.init))
  }

  fileprivate var json: JSONObject {
    var json: JSONObject = ["at": at.json]
    json["writers"] = writers.map { .array($0.sorted().map { .string($0) }) }
    return json
  }
}

extension PollState.Candidate {
  fileprivate init?(json: JSONObject) {
    guard let wait = PollState.Wait(json: json) else { return nil }
    self.init(mark: json["mark"].flatMap(CursorMark.init(json:)), wait: wait)
  }

  fileprivate var json: JSONObject {
    var json = wait.json
    json["mark"] = mark?.json
    return json
  }
}

extension PollState.Round {
  fileprivate init?(json: JSONObject) {
    guard let at = json["at"].flatMap(Timestamp.init(json:)), let isDecisive = json["decisive"]?.boolValue else {
      return nil
    }
    self.init(
      place: json["place"].flatMap(CursorMark.init(json:)), last: json["last"].flatMap(CursorMark.init(json:)),
      isDecisive: isDecisive, at: at)
  }

  fileprivate var json: JSONObject {
    var json: JSONObject = ["at": at.json, "decisive": .bool(isDecisive)]
    json["place"] = place?.json
    json["last"] = last?.json
    return json
  }
}

extension PollState.Sweep {
  fileprivate init?(json: JSONObject) {
    guard let at = json["at"].flatMap(Timestamp.init(json:)), let phase = json["phase"]?.stringValue else { return nil }
    let after = json["after"]?.arrayValue.map(RecordKey.init)
    let isHeld = phase == "held"
    self.init(
      phase: isHeld ? .held : phase == "keys" ? .keys(after) : phase == "count" ? .count(after) : .rows(after), at: at)
    rows = json["rows"]?.integerValue.map { Int($0) } ?? 0
    known = json["known"]?.integerValue.map { Int($0) } ?? 0
    gone = json["gone"]?.integerValue.map { Int($0) } ?? 0
    heldAt = json["held_at"].flatMap(Timestamp.init(json:))
    confirmed = json["confirmed"]?.integerValue.map { Int($0) } ?? 0
    version = json["version"]?.stringValue
  }

  fileprivate var json: JSONObject {
    let (name, after): (String, RecordKey?) =
      switch phase {
      case .rows(let key): ("rows", key)
      case .count(let key): ("count", key)
      case .held: ("held", nil)
      case .keys(let key): ("keys", key)
      }
    var json: JSONObject = ["at": at.json, "phase": .string(name)]
    json["after"] = after.map { .array($0.values) }
    for (name, count) in [("rows", rows), ("known", known), ("gone", gone), ("confirmed", confirmed)] where count != 0 {
      json[name] = .integer(count)
    }
    json["held_at"] = heldAt?.json
    json["version"] = version.map { .string($0) }
    return json
  }
}

extension CursorMark {
  /// The cursor, then the key.
  fileprivate init?(json: JSONValue) {
    guard let values = json.arrayValue, let cursor = values.first else { return nil }
    self.init(cursor: cursor, key: RecordKey(Array(values.dropFirst())))
  }

  fileprivate var json: JSONValue { .array([cursor] + key.values) }
}

extension Timestamp {
  fileprivate init?(json: JSONValue) {
    guard let microseconds = json.integerValue else { return nil }
    self.init(microseconds: microseconds)
  }

  fileprivate var json: JSONValue { .integer(microseconds) }
}
