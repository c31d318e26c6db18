import Changes
import JSON
import Replay

/// How a write that would be made is shown. Values may be personal data: only where asked for.
struct WriteText {
  let showsValues: Bool

  func text(_ preview: DeliveryPreview, _ end: Link.End) -> String {
    switch preview {
    case .nothing: return "would leave \(end.name) as it is"
    case .held(let failure): return "could not be written to \(end.name): \(failure)"
    case .write(let write):
      let fields = showsValues ? write.fields.text : write.fields.names.joined(separator: ", ")
      return "would \(write.action) \(end.name)\(write.key.map { " \($0)" } ?? "")"
        + (write.fields.isEmpty ? "" : ": \(fields)")
    }
  }

  /// Nil where nothing would be written.
  func json(_ preview: DeliveryPreview, _ end: Link.End) -> JSONValue? {
    switch preview {
    case .nothing: return nil
    case .held(let failure): return ["endpoint": .string(end.name.description), "held": .string(failure.message)]
    case .write(let write):
      var members: JSONObject = [
        "endpoint": .string(end.name.description), "action": .string("\(write.action)"),
        "key": write.key.map { .string($0.description) } ?? .null,
        "fields": .array(write.fields.names.map { .string($0) }),
      ]
      if showsValues { members["values"] = .object(write.fields) }
      return .object(members)
    }
  }
}
