import Changes
import JSON
import Log
import Replay
import Runtime
import Server
import Verify

/// Prints what `verify` finds as it finds it: a million differences are not kept in memory for a closing bracket.
final class VerifyOutput {
  private let isJSON: Bool
  private let showsValues: Bool
  private var writing: WriteText { WriteText(showsValues: showsValues) }
  private var linksShown = 0
  private var differencesShown = 0
  /// What a link's JSON says after its differences, told once the repair is over.
  private var tail: JSONObject = [:]

  init(isJSON: Bool, showsValues: Bool) {
    self.isJSON = isJSON
    self.showsValues = showsValues
  }

  func begin() { if isJSON { print("[", terminator: "") } }

  func begin(_ link: Link) {
    closeLink()
    differencesShown = 0
    guard isJSON else { return }
    let comma = linksShown == 0 ? "" : ","
    print(comma + "{\"link\":" + JSONValue.string(link.name.description).text + ",\"differences\":[", terminator: "")
    linksShown += 1
  }

  func show(
    _ difference: Difference, _ link: Link, _ writes: [(direction: Direction, preview: DeliveryPreview)]
  ) {
    defer { differencesShown += 1 }
    if isJSON {
      var members = difference.json(showsValues)
      if !writes.isEmpty {
        members["writes"] = .array(writes.compactMap { writing.json($0.preview, link[$0.direction.target]) })
      }
      return print((differencesShown == 0 ? "" : ",") + members.text, terminator: "")
    }
    print(ShownText.plain("\(link.name) \(difference.text)"))
    if showsValues {
      for field in difference.fields {
        print(ShownText.plain("  \(field.name): database \(field.local.text), application \(field.remote.text)"))
      }
    }
    if let known = difference.known { print(ShownText.plain("  " + known)) }
    for (direction, preview) in writes { print(ShownText.plain("  " + writing.text(preview, link[direction.target]))) }
  }

  func end(_ link: Link, _ figures: VerificationFigures, _ directions: [Direction]) {
    tail = [
      "compared": .integer(figures.compared), "differ": .integer(figures.differences),
      "in_flight": .integer(figures.inFlight),
    ]
    guard !isJSON else { return }
    let moving = figures.inFlight == 0 ? "" : ", \(figures.inFlight) in flight"
    print("\(link.name): \(figures.compared) records compared, \(figures.differences) differ\(moving)")
  }

  func repaired(_ link: Link, _ after: VerificationFigures) {
    let equal = after.compared - after.differences - after.inFlight
    tail["repaired"] = .integer(equal)
    tail["still_differ"] = .integer(after.differences)
    guard !isJSON else { return }
    let moving = after.inFlight == 0 ? "" : ", \(after.inFlight) in flight"
    print("\(link.name): \(equal) of \(after.compared) are equal now, \(after.differences) still differ\(moving)")
  }

  func end() {
    closeLink()
    if isJSON { print("]") }
  }

  private func closeLink() {
    guard isJSON, !tail.isEmpty else { return }
    print("]," + tail.text.dropFirst(), terminator: "")
    tail = [:]
  }
}

extension Difference {
  var text: String {
    let keys = [record.local?.description, record.remote?.description].compactMap { $0 }.joined(separator: " / ")
    let fields = fields.isEmpty ? "" : " in \(fields.map(\.name).joined(separator: ", "))"
    return "\(keys): \(kind.rawValue)\(fields)" + (reason.map { ": \($0)" } ?? "")
  }

  /// What the log knows about it; nil where it knows nothing.
  var known: String? {
    var parts: [String] = []
    if let settled = knowledge.settled { parts.append("settled last with sequence \(settled)") }
    if let waiting = knowledge.waiting { parts.append("a change waits: \(waiting)") }
    if let letter = knowledge.deadLetter { parts.append("sequence \(letter.sequence) was given up: \(letter.failure)") }
    if !knowledge.openConflicts.isEmpty {
      let fields = knowledge.openConflicts.map { $0.isEmpty ? "the whole record" : $0 }.joined(separator: ", ")
      parts.append("a conflict is open in \(fields)")
    }
    return parts.isEmpty ? nil : parts.joined(separator: "; ")
  }

  func json(_ showsValues: Bool) -> JSONObject {
    func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
    var members: JSONObject = [
      "kind": .string(kind.rawValue), "local_key": text(record.local?.description),
      "remote_key": text(record.remote?.description), "fields": .array(fields.map { .string($0.name) }),
      "reason": text(reason),
    ]
    members["last_sequence"] = knowledge.settled.map { .integer($0.number) } ?? .null
    members["waiting"] = text(knowledge.waiting?.description)
    members["dead_letter"] = .null
    if let letter = knowledge.deadLetter {
      members["dead_letter"] = ["sequence": .integer(letter.sequence.number), "code": .string(letter.failure.code)]
    }
    members["open_conflicts"] = .array(knowledge.openConflicts.map { .string($0) })
    if showsValues {
      let values: [(String, JSONValue)] = fields.map { field in
        (field.name, ["database": field.local, "application": field.remote])
      }
      members["values"] = .object(JSONObject(values))
    }
    return members
  }
}
