import JSON
import XML

/// What elements hold, by a schema or by a manifest: how XML and JSON become each other.
///
/// An element with members is an object, one that may repeat is always an array, `xsi:nil` is null, what is left out is left
/// out. Numbers keep every digit. An attribute is a member whose name begins with `@`. What the form does not know is read as
/// text, or as an object of texts.
struct XMLForm: Sendable, Hashable {
  enum Kind: Hashable, Sendable {
    case text, number, boolean
    /// Nothing is known of it.
    case any
    /// The members of the named type.
    case members(XMLName)
  }

  struct Member: Hashable, Sendable {
    var name: XMLName
    var kind: Kind
    var isList = false
    var isNillable = false
    var isOptional = true
    var isAttribute = false
  }

  /// The members of each type, in the order the schema wants them.
  var types: [XMLName: [Member]] = [:]

  func members(of kind: Kind) -> [Member]? {
    if case .members(let name) = kind { types[name] ?? [] } else { nil }
  }
}

// MARK: - Reading

extension XMLForm {
  func json(_ element: XMLElement, as kind: Kind) -> JSONValue {
    if element.isNil { return .null }
    switch kind {
    case .text: return .string(element.text)
    case .number: return Self.number(element.text)
    case .boolean: return Self.boolean(element.text)
    case .any: return Self.json(element)
    case .members: return .object(object(element, members(of: kind) ?? []))
    }
  }

  private func object(_ element: XMLElement, _ members: [Member]) -> JSONObject {
    var object = JSONObject()
    for attribute in element.attributes where attribute.name.namespace != SOAPNames.instance {
      object["@" + attribute.name.local] = .string(attribute.value)
    }
    for child in element.elements {
      let name = child.name.local
      guard let member = members.first(where: { !$0.isAttribute && $0.name.local == name }) else {
        object[name] = Self.joined(object[name], Self.json(child))
        continue
      }
      let value = json(child, as: member.kind)
      if member.isList {
        object[name] = .array((object[name]?.arrayValue ?? []) + [value])
      } else {
        object[name] = value
      }
    }
    return object
  }

  /// Without a form: text, or an object in which what repeats is an array.
  private static func json(_ element: XMLElement) -> JSONValue {
    if element.isNil { return .null }
    let children = element.elements
    guard !children.isEmpty else { return .string(element.text) }
    return .object(
      children.reduce(into: JSONObject()) { object, child in
        object[child.name.local] = joined(object[child.name.local], json(child))
      })
  }

  private static func joined(_ there: JSONValue?, _ value: JSONValue) -> JSONValue {
    switch there {
    case nil: value
    case .array(let values)?: .array(values + [value])
    case let first?: .array([first, value])
    }
  }

  private static func number(_ text: String) -> JSONValue {
    var digits = text.filter { !$0.isWhitespace }
    if digits.hasPrefix("+") { digits.removeFirst() }
    let sign = digits.hasPrefix("-") ? "-" : ""
    var rest = digits.dropFirst(sign.count)
    while rest.count > 1, rest.first == "0", rest.dropFirst().first?.isNumber == true { rest = rest.dropFirst() }
    if rest.hasPrefix(".") { rest = "0" + rest }
    if rest.hasSuffix(".") { rest = rest.dropLast() }
    return JSONNumber(text: sign + rest).map { .number($0) } ?? .string(text)
  }

  private static func boolean(_ text: String) -> JSONValue {
    switch text.filter({ !$0.isWhitespace }) {
    case "true", "1": true
    case "false", "0": false
    default: .string(text)
    }
  }
}

extension XMLElement {
  fileprivate var isNil: Bool {
    ["true", "1"].contains(attribute("nil", namespace: SOAPNames.instance) ?? "")
  }
}

// MARK: - Writing

extension XMLForm {
  /// Why a value cannot be written as the form wants it: the names on the way, never the value.
  struct Mismatch: Error, Hashable {
    let reason: String
  }

  /// Writes an element, or as many as a list has. A null is `xsi:nil` where the form allows it, and is left out where that is
  /// allowed.
  /// - Parameter namespace: the default namespace where it is written.
  func write(
    _ value: JSONValue, as member: Member, in namespace: String?, to writer: inout XMLWriter
  ) throws {
    if member.isList, case .array(let values) = value {
      for value in values { try writeOne(value, as: member, in: namespace, to: &writer) }
    } else {
      try writeOne(value, as: member, in: namespace, to: &writer)
    }
  }

  private func writeOne(
    _ value: JSONValue, as member: Member, in namespace: String?, to writer: inout XMLWriter
  ) throws {
    var attributes: [(name: String, value: String)] = []
    if member.name.namespace != namespace { attributes.append(("xmlns", member.name.namespace ?? "")) }
    if value.isNull {
      if member.isNillable { attributes.append(("xsi:nil", "true")) }
      guard member.isNillable || !member.isOptional else { return }
    }
    let members = self.members(of: member.kind)
    if case .object(let object) = value {
      for (name, value) in object.members where name.hasPrefix("@") {
        attributes.append((String(name.dropFirst()), value.plainText))
      }
      try writer.start(member.name.local, attributes)
      try write(object, members, in: member.name.namespace, of: member.name.local, to: &writer)
      writer.end()
      return
    }
    if members != nil, !value.isNull { throw Mismatch(reason: "\(member.name.local) has members of its own") }
    if value.arrayValue != nil { throw Mismatch(reason: "\(member.name.local) is not a list") }
    try writer.element(member.name.local, attributes, text: value.isNull ? "" : value.plainText)
  }

  /// - Parameter members: in their order; nil: everything as it comes.
  private func write(
    _ object: JSONObject, _ members: [Member]?, in namespace: String?, of owner: String, to writer: inout XMLWriter
  ) throws {
    guard let members else {
      for (name, value) in object.members where !name.hasPrefix("@") {
        let member = Member(
          name: XMLName(name, namespace: namespace), kind: .any, isList: value.arrayValue != nil, isNillable: true)
        try write(value, as: member, in: namespace, to: &writer)
      }
      return
    }
    for name in object.names where !name.hasPrefix("@") && !members.contains(where: { $0.name.local == name }) {
      throw Mismatch(reason: "\(owner) has no element \(name)")
    }
    for member in members where !member.isAttribute {
      guard let value = object[member.name.local] else { continue }
      try write(value, as: member, in: namespace, to: &writer)
    }
  }
}
