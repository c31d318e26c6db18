package import Changes
import JSON

/// Something a command asks of the service that writes the log. It survives restarts until it is done.
package struct ControlRequest: Hashable, Sendable, Identifiable {
  package enum Work: Hashable, Sendable {
    /// Answered once everything that was committed at the link's ends before the request is in the log.
    case capture
    /// Sends the present state of these records; `prefer` is the side that is right, nil: the link's policy decides.
    case repair([RecordPair], prefer: Side?)
    /// Puts changes of one direction into the log once more: those after `after` up to `through`; of one record where `key`
    /// names it (at the direction's source).
    case replay(Direction, after: LogSequence, through: LogSequence, key: RecordKey?)
    /// Decides an open conflict, if both sides still hold what was recorded.
    case decide(conflict: Int64, Decision)
    /// Takes back what a person decided: both sides get again what they held, and the conflict is open.
    case undo(conflict: Int64)
    /// Puts the changes of these dead letters into the log once more, and takes the letters off the list.
    case retry([Int64])
    /// Lets the link rest until it is resumed, also after a restart.
    case pause(reason: String?)
    case resume
    /// Has the service read its configuration again, or only say what would change. It is asked of the link `*`.
    case reload(isDryRun: Bool)
  }

  package enum State: String, Sendable { case requested, done, failed }

  package let id: Int64
  package let link: LinkName
  package let work: Work
  package var state: State
  /// The sequence up to which the log was read for it.
  package var place: LogSequence
  /// How many changes were put into the log for it, and the sequence of the last; `.start` where there is none.
  package var changes: Int64
  package var last: LogSequence
  /// Why it failed, or what there is to say of how it was done.
  package var message: String?
}

extension LinkName {
  /// What is asked of the service as a whole. No link can have this name.
  package static let service = LinkName("*")
}

extension ControlRequest.Work {
  package var kind: String {
    switch self {
    case .capture: "capture"
    case .repair: "repair"
    case .replay: "replay"
    case .decide: "decide"
    case .undo: "undo"
    case .retry: "retry"
    case .pause: "pause"
    case .resume: "resume"
    case .reload: "reload"
    }
  }

  var detail: JSONObject {
    switch self {
    case .capture, .resume: [:]
    case .reload(let isDryRun): ["dry_run": .bool(isDryRun)]
    case .retry(let letters): ["letters": .array(letters.map { .integer($0) })]
    case .pause(let reason): ["reason": reason.map { .string($0) } ?? .null]
    case .repair(let records, let prefer):
      [
        "prefer": prefer.map { .integer(Int64($0.rawValue)) } ?? .null,
        "records": .array(records.map { .array([Self.json($0.local), Self.json($0.remote)]) }),
      ]
    case .replay(let direction, let after, let through, let key):
      [
        "direction": .integer(Int64(direction.rawValue)), "after": .integer(after.number),
        "through": .integer(through.number), "key": Self.json(key),
      ]
    case .decide(let conflict, let decision):
      ["conflict": .integer(conflict), "decision": Ruling.Order.decide(decision).json]
    case .undo(let conflict): ["conflict": .integer(conflict)]
    }
  }

  /// The inverse of `kind` and `detail`; nil for what another version asked for.
  init?(kind: String, detail: JSONObject) {
    switch kind {
    case "capture": self = .capture
    case "resume": self = .resume
    case "reload": self = .reload(isDryRun: detail["dry_run"] == .bool(true))
    case "pause": self = .pause(reason: detail["reason"]?.stringValue)
    case "retry":
      guard let letters = detail["letters"]?.arrayValue else { return nil }
      self = .retry(letters.compactMap(\.integerValue))
    case "repair":
      guard let records = detail["records"]?.arrayValue else { return nil }
      let side = detail["prefer"]?.integerValue.flatMap { Side(rawValue: UInt8(clamping: $0)) }
      self = .repair(
        records.map { pair in
          let keys = pair.arrayValue ?? []
          return RecordPair(local: keys.first.flatMap(Self.key), remote: keys.last.flatMap(Self.key))
        }, prefer: side)
    case "replay":
      guard let direction = detail["direction"]?.integerValue.flatMap({ Direction(rawValue: UInt8(clamping: $0)) }),
        let after = detail["after"]?.integerValue, let through = detail["through"]?.integerValue
      else { return nil }
      self = .replay(
        direction, after: LogSequence(after), through: LogSequence(through), key: detail["key"].flatMap(Self.key))
    case "decide":
      guard let conflict = detail["conflict"]?.integerValue,
        case .decide(let decision)? = detail["decision"].flatMap(Ruling.Order.init(json:))
      else { return nil }
      self = .decide(conflict: conflict, decision)
    case "undo":
      guard let conflict = detail["conflict"]?.integerValue else { return nil }
      self = .undo(conflict: conflict)
    default: return nil
    }
  }

  private static func json(_ key: RecordKey?) -> JSONValue { key.map { .array($0.values) } ?? .null }
  private static func key(_ value: JSONValue) -> RecordKey? { value.arrayValue.map(RecordKey.init) }
}
