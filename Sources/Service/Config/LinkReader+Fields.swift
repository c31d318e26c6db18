import Changes
import Mapping
import YAML

extension LinkReader {
  func fields(_ value: YAMLValue?) -> [ReadField] {
    guard let value, let read = value.named({ field($0, $1) }) else { return [] }
    if case .mapping([]) = value.node.content { value.report("config.fields", "a link needs at least one field") }
    return read.map(\.value)
  }

  /// `column: RemoteField`, or `column: { field: RemoteField, as: …, reference: … }`.
  private func field(_ column: YAMLValue, _ value: YAMLValue) -> ReadField? {
    guard let local = column.string() else { return nil }
    guard case .mapping = value.node.content else {
      return remotePath(value).map {
        ReadField(field: MappedField(local: local, remote: $0), column: column, reference: nil)
      }
    }
    return value.mapping { reader in
      let remote = reader.required("field", hint: "the field of the object").flatMap { remotePath($0) }
      let conversion = reader["as"]
      let chosen = conversion.map { $0.choice(Conversion.self) } ?? Conversion.none
      let rules = rules(reader, chosen ?? .none)
      let reference = reader["reference"]
      let link = reference?.string()
      if let conversion, reference != nil {
        // The referred record's keys come from the link's record states, in their own form.
        conversion.report("config.reference", "a reference cannot be converted too", hint: "remove as:")
      }
      if let reference, rules.read != ValueRules() {
        reference.report("config.reference", "a reference cannot have rules for its value too", hint: "remove them")
      }
      guard let remote, let chosen else { return nil }
      let field = MappedField(
        local: local, remote: remote, conversion: chosen, rules: rules.read, reference: link.map { LinkName($0) })
      return ReadField(
        field: field, column: column, reference: link == nil ? nil : reference, names: rules.names)
    }
  }

  func remotePath(_ value: YAMLValue) -> String? {
    guard let path = value.string() else { return nil }
    let parts = path.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.allSatisfy({ !$0.isEmpty }) else {
      value.report("config.field", "expected a field such as Name or address.city, got \"\(path)\"")
      return nil
    }
    return path
  }

  /// The columns of the key, and those fields of it that `fields` does not declare (nil where there are none).
  func key(
    of reader: YAMLReader, _ direction: LinkDirection?, _ fields: [ReadField]
  ) -> (columns: [String], added: [ReadField]?) {
    let hint =
      "for example key: { email: Email }: the fields by which a record is found when the answer to its creation was lost"
    guard let value = direction == .pull ? reader["key"] : reader.required("key", hint: hint) else { return ([], nil) }
    if case .mapping([]) = value.node.content { value.report("config.key", "the key is empty", hint: hint) }
    var added: [ReadField] = []
    let columns = value.named { column, remote -> String? in
      guard let local = column.string(), let path = remotePath(remote) else { return nil }
      guard let declared = fields.first(where: { $0.field.local == local }) else {
        added.append(ReadField(field: MappedField(local: local, remote: path), column: column, reference: nil))
        return local
      }
      if declared.field.remote != path {
        remote.report(
          "config.key", "fields says \(local): \(declared.field.remote)", hint: "name the same field in both")
      }
      if declared.reference != nil {
        column.report("config.key", "a reference cannot be part of the key")
      }
      return local
    }
    return (columns?.map(\.value) ?? [], added)
  }

  /// Two columns cannot be written to one field, nor one to a part of another's.
  func refuseSharedTargets(_ linked: [ReadField]) {
    for (index, later) in linked.enumerated() {
      let path = later.field.remote
      let earlier = linked[..<index].first { earlier in
        let other = earlier.field.remote
        return other == path || path.hasPrefix(other + ".") || other.hasPrefix(path + ".")
      }
      guard let earlier else { continue }
      later.column.report(
        "config.field", "\"\(later.field.local)\" and \"\(earlier.field.local)\" are linked to the same field",
        hint: "\(path) and \(earlier.field.remote)")
    }
  }
}
