package import Changes
package import JSON

/// One declaration of a link's fields, read in both directions.
///
/// Linked fields are an object named by local column with values in canonical form: a reference is told by the local key
/// of the record it means, everything else as its conversion says. What the sides call or write a thing stays at the sides.
package struct FieldMapping: Hashable, Sendable {
  package let fields: [MappedField]
  /// What each record that is made at the object is given besides, by dotted path.
  package let constants: [Constant]

  package struct Constant: Hashable, Sendable {
    package let remote: String
    package let value: JSONValue

    package init(remote: String, value: JSONValue) {
      self.remote = remote
      self.value = value
    }
  }

  package init(_ fields: [MappedField], constants: [Constant] = []) {
    self.fields = fields
    self.constants = constants
  }

  /// The linked fields by local name, in the order of the configuration.
  package var names: [String] { fields.map(\.local) }

  /// - Throws: `MappingFailure.unconvertible` with the field whose value has not the declared form, `.missing` with one the
  ///   row has no column for: that is not the same as an empty one.
  package func fields(fromLocal row: JSONObject) throws(MappingFailure) -> JSONObject {
    var result = JSONObject()
    for field in fields {
      guard let value = row[field.local] else { throw .missing(column: field.local) }
      result[field.local] = try field.canonical(value, at: .local)
    }
    return result
  }

  /// - Parameter resolving: the local key value of the record with a remote key; nil where the link does not know it.
  /// - Throws: also `MappingFailure.unresolved` for the first reference to a record that is not known.
  package func fields(
    fromRemote object: JSONObject, resolving: (LinkName, JSONValue) -> JSONValue?
  ) throws(MappingFailure) -> JSONObject {
    var result = JSONObject()
    for field in fields {
      let value = JSONValue.object(object).at(field.remote) ?? .null
      let reference = try field.resolved(value, at: .remote, resolving)
      result[field.local] = if let reference { reference } else { try field.canonical(value, at: .remote) }
    }
    return result
  }

  /// Some or all linked fields in the remote side's shape, nested where the names are dotted paths.
  /// - Parameter resolving: the remote key value of the record with a local key.
  package func remote(
    _ linked: JSONObject, resolving: (LinkName, JSONValue) -> JSONValue?
  ) throws(MappingFailure) -> JSONObject {
    var object = JSONValue.object([:])
    for field in fields {
      guard let value = linked[field.local] else { continue }
      let reference = try field.resolved(value, at: .local, resolving)
      let sent = if let reference { reference } else { try field.sent(value) }
      object = object.setting(sent, at: field.remote)
    }
    return object.objectValue ?? [:]
  }

  /// The canonical values of some linked fields that are no references, as far as they can be told.
  package func values(of names: [String], in object: JSONObject, at side: Side) -> JSONObject {
    let wanted = fields.filter { names.contains($0.local) && $0.reference == nil }
    return JSONObject(
      wanted.map { field in
        let value = side == .local ? object[field.local] : JSONValue.object(object).at(field.remote)
        return (field.local, value.flatMap { try? field.canonical($0, at: side) } ?? .null)
      })
  }

  /// The object of a record that is to be made, with the constants.
  package func created(_ object: JSONObject) -> JSONObject {
    let whole = constants.reduce(JSONValue.object(object)) { $0.setting($1.value, at: $1.remote) }
    return whole.objectValue ?? object
  }

  /// Some or all linked fields in the local side's shape.
  package func local(_ linked: JSONObject) -> JSONObject { linked.filter { names.contains($0) } }

  /// The records of other links an object refers to, by remote key.
  package func references(inRemote object: JSONObject) -> [MappedReference] {
    fields.compactMap { field in
      field.reference.flatMap { link in
        let value = JSONValue.object(object).at(field.remote) ?? .null
        return value.isNull ? nil : MappedReference(link: link, value: value)
      }
    }
  }

  /// The records of other links that linked fields refer to, by local key.
  package func references(inFields linked: JSONObject) -> [MappedReference] {
    fields.compactMap { field in
      field.reference.flatMap { link in
        let value = linked[field.local] ?? .null
        return value.isNull ? nil : MappedReference(link: link, value: value)
      }
    }
  }
}

/// One linked field: the column, the field of the object, and what lies between them.
package struct MappedField: Hashable, Sendable {
  package let local: String
  /// A dotted path into the object.
  package let remote: String
  package let conversion: Conversion
  package let rules: ValueRules
  /// The link whose record this field refers to.
  package let reference: LinkName?

  package init(
    local: String, remote: String, conversion: Conversion = .none, rules: ValueRules = ValueRules(),
    reference: LinkName? = nil
  ) {
    self.local = local
    self.remote = remote
    self.conversion = conversion
    self.rules = rules
    self.reference = reference
  }

  func canonical(_ written: JSONValue, at side: Side) throws(MappingFailure) -> JSONValue {
    var value = rules.cleaned(written)
    guard !value.isNull else { return .null }
    if side == .remote, !rules.names.isEmpty {
      guard let name = rules.names.first(where: { $0.remote == value }) else { throw unknownName }
      return name.local
    }
    if side == .remote, rules.minorUnits > 0 {
      guard let count = Conversion.number(value)?.shifted(by: 0), count.isWhole,
        let number = count.shifted(by: -rules.minorUnits)
      else { throw .unconvertible(field: local, expected: "a whole number") }
      value = .number(number)
    }
    guard let canonical = conversion.canonical(value) else {
      throw .unconvertible(field: local, expected: conversion.expectation)
    }
    guard rules.names.isEmpty || rules.names.contains(where: { $0.local == canonical }) else { throw unknownName }
    return canonical
  }

  /// A canonical value as the object writes it.
  func sent(_ value: JSONValue) throws(MappingFailure) -> JSONValue {
    if value.isNull { return rules.emptyIsNull ? "" : .null }
    if !rules.names.isEmpty {
      guard let name = rules.names.first(where: { $0.local == value }) else { throw unknownName }
      return name.remote
    }
    guard rules.minorUnits > 0 else { return conversion.remote(value) }
    guard case .number(let number) = value, let count = number.shifted(by: rules.minorUnits), count.isWhole else {
      throw .unconvertible(field: local, expected: "a number with at most \(rules.minorUnits) decimals")
    }
    return conversion.remote(.number(count))
  }

  private var unknownName: MappingFailure {
    .unconvertible(field: local, expected: "one of the values that the link names")
  }

  /// Nil when the field is no reference.
  func resolved(
    _ value: JSONValue, at side: Side, _ resolving: (LinkName, JSONValue) -> JSONValue?
  ) throws(MappingFailure) -> JSONValue? {
    guard let reference else { return nil }
    guard !value.isNull else { return .null }
    guard let known = resolving(reference, value) else {
      throw .unresolved(MappedReference(link: reference, value: value), side)
    }
    return known
  }
}

/// A record of another link, by the value one side refers to it with.
package struct MappedReference: Hashable, Sendable {
  package let link: LinkName
  package let value: JSONValue

  package init(link: LinkName, value: JSONValue) {
    self.link = link
    self.value = value
  }
}

/// Why a record has no counterpart in the other side's shape.
package enum MappingFailure: Error, Hashable, Sendable, CustomStringConvertible {
  case unconvertible(field: String, expected: String)
  /// The row has no such column.
  case missing(column: String)
  /// The record that is referred to (by its key at `side`) is not known to its link yet.
  case unresolved(MappedReference, Side)

  package var description: String {
    switch self {
    case .unconvertible(let field, let expected): "field \(field): expected \(expected)"
    case .missing(let column): "there is no column \(column)"
    case .unresolved(let reference, _): "it refers to a record of \(reference.link) that is not known yet"
    }
  }
}
