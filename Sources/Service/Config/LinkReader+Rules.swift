import JSON
import Mapping
import YAML

/// Reads how values differ between the sides, and refuses what has no way back.
extension LinkReader {
  func rules(_ reader: YAMLReader, _ conversion: Conversion) -> (read: ValueRules, names: YAMLValue?) {
    var rules = ValueRules()
    rules.trims = reader["trim"]?.bool() ?? false
    rules.emptyIsNull = reader["empty_is_null"]?.bool() ?? false
    if let units = reader["minor_units"] {
      rules.minorUnits = units.integer(in: 1...12) ?? 0
      if conversion != .decimal, conversion != .decimalText {
        units.report("config.field", "minor units are of a number", hint: "add as: decimal")
      }
    }
    let names = reader["values"]
    let read = names?.named { local, remote -> ValueRules.Name? in
      guard let text = local.string(), let value = constant(remote) else { return nil }
      guard let own = conversion.canonical(.string(text)) else {
        local.report("config.field", "expected \(conversion.expectation), got \"\(text)\"")
        return nil
      }
      return ValueRules.Name(local: own, remote: value)
    }
    rules.names = read?.map(\.value) ?? []
    if let names, rules.minorUnits > 0 {
      names.report("config.field", "values that are named are not counted", hint: "remove minor_units")
    }
    return (rules, names)
  }

  /// A value that stands for itself: quoted it is a text, plain a number or a truth value where it can be one.
  func constant(_ value: YAMLValue) -> JSONValue? {
    guard let text = value.string() else { return nil }
    guard case .scalar(_, isPlain: true) = value.node.content else { return .string(text) }
    switch text {
    case "true": return true
    case "false": return false
    default: return JSONNumber(text: text).map(JSONValue.number) ?? .string(text)
    }
  }

  /// Both ways, what two values become must tell them apart.
  func refuseCollisions(_ fields: [ReadField], _ direction: LinkDirection?) {
    for field in fields {
      guard direction != .push, let collision = field.field.rules.collision else { continue }
      let (first, second) = (collision.first, collision.second)
      field.names?.report(
        "config.round-trip",
        "\(first.local.text) and \(second.local.text) both become \(second.remote.text) at the object: it cannot be told"
          + " which one comes back",
        hint: "give each its own value, or use direction: push")
    }
  }

  /// `constants: { Type: Customer }`
  func constants(
    _ value: YAMLValue?, _ direction: LinkDirection?, _ fields: [ReadField]
  ) -> [FieldMapping.Constant] {
    guard let value else { return [] }
    if direction == .pull {
      value.report("config.constants", "a link with direction: pull makes no record at the object")
    }
    let read = value.named { path, constant -> FieldMapping.Constant? in
      guard let remote = remotePath(path), let value = self.constant(constant) else { return nil }
      if fields.contains(where: { $0.field.remote == remote }) {
        path.report("config.constants", "\"\(remote)\" is the field of a column already", hint: "drop one of them")
      }
      return FieldMapping.Constant(remote: remote, value: value)
    }
    return read?.map(\.value) ?? []
  }
}
