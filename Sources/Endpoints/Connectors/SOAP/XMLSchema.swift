import XML

/// The parts of XML Schema 1.0 that say which elements follow which, and what they hold: sequences, choices and alls, groups of
/// them, extensions, lists by `maxOccurs`, simple types by what they are made of. Facets, wildcards, substitution and identity
/// constraints say nothing here.
struct XMLSchema: Sendable {
  private(set) var form = XMLForm()
  /// Global elements.
  private(set) var elements: [XMLName: XMLForm.Member] = [:]
  /// Where what is not here can be had.
  private(set) var imports: [String] = []
  /// The type that a simple type is made of.
  private var simple: [XMLName: XMLName] = [:]
  private var bases: [XMLName: XMLName] = [:]
  private var pending: [XMLName: [Pending]] = [:]
  private var groups: [XMLName: [Pending]] = [:]
  private var globals: [XMLName: Pending] = [:]
  private var unnamed = 0

  /// A member whose type may be told later.
  private enum Pending: Sendable {
    case member(XMLForm.Member, type: XMLName?)
    case element(XMLName, isList: Bool, isOptional: Bool)
    case group(XMLName)
  }

  /// The place of a schema within its document.
  private struct Place {
    var target: String?
    var isQualified: Bool
    var prefixes: [String: String]

    func inside(_ element: XMLElement) -> Place {
      var place = self
      for namespace in element.namespaces { place.prefixes[namespace.prefix] = namespace.uri }
      return place
    }

    /// What a value such as `tns:Order` means.
    func name(_ written: String) -> XMLName {
      let parts = written.split(separator: ":", maxSplits: 1).map(String.init)
      return parts.count == 2
        ? XMLName(parts[1], namespace: prefixes[parts[0]]) : XMLName(written, namespace: prefixes[""])
    }
  }

  /// Takes in one `xs:schema`.
  /// - Parameter prefixes: those that are declared around it.
  mutating func add(_ schema: XMLElement, prefixes: [String: String] = [:]) {
    let place = Place(
      target: schema.attribute("targetNamespace"), isQualified: schema.attribute("elementFormDefault") == "qualified",
      prefixes: prefixes
    ).inside(schema)
    for child in schema.elements where child.name.namespace == SOAPNames.schema {
      let name = child.attribute("name").map { XMLName($0, namespace: place.target) }
      switch (child.name.local, name) {
      case ("element", let name?): globals[name] = declared(child, place, isGlobal: true)
      case ("complexType", let name?): complex(child, name, place)
      case ("simpleType", let name?): simple[name] = made(child, place)
      case ("group", let name?): groups[name] = particles(child, place)
      case ("import", _), ("include", _): imports += child.attribute("schemaLocation").map { [$0] } ?? []
      default: break
      }
    }
  }

  /// Brings together what was told in any order. Called once, when all schemas are there.
  mutating func resolve() {
    for name in Set(pending.keys).union(bases.keys) { form.types[name] = members(of: name, depth: 0) }
    for (name, pending) in globals {
      if case .member(var member, let type) = pending {
        member.kind = kind(type)
        elements[name] = member
      }
    }
  }

  private func members(of type: XMLName, depth: Int) -> [XMLForm.Member] {
    guard depth < 20 else { return [] }
    let inherited = bases[type].map { members(of: $0, depth: depth + 1) } ?? []
    return inherited + (pending[type] ?? []).flatMap { resolved($0, depth: depth) }
  }

  private func resolved(_ pending: Pending, depth: Int) -> [XMLForm.Member] {
    switch pending {
    case .member(var member, let type):
      member.kind = kind(type)
      return [member]
    case .element(let name, let isList, let isOptional):
      guard case .member(var member, let type)? = globals[name] else { return [] }
      member.kind = kind(type)
      member.isList = isList
      member.isOptional = isOptional
      return [member]
    case .group(let name):
      guard depth < 20 else { return [] }
      return (groups[name] ?? []).flatMap { resolved($0, depth: depth + 1) }
    }
  }

  /// - Parameter type: nil: none is given, so anything may be in it.
  func kind(_ type: XMLName?, depth: Int = 0) -> XMLForm.Kind {
    guard let type, depth < 20 else { return .any }
    if type.namespace == SOAPNames.schema { return Self.builtIn(type.local) }
    if let base = simple[type] { return kind(base, depth: depth + 1) }
    return pending[type] != nil || bases[type] != nil ? .members(type) : .any
  }

  private static func builtIn(_ name: String) -> XMLForm.Kind {
    switch name {
    case "boolean": .boolean
    case "decimal", "integer", "int", "long", "short", "byte", "float", "double", "nonNegativeInteger",
      "positiveInteger", "nonPositiveInteger", "negativeInteger", "unsignedLong", "unsignedInt", "unsignedShort",
      "unsignedByte":
      .number
    case "anyType": .any
    default: .text
    }
  }

  // MARK: - Declarations

  private mutating func declared(_ element: XMLElement, _ outer: Place, isGlobal: Bool = false) -> Pending {
    let place = outer.inside(element)
    let isList = element.attribute("maxOccurs").map { $0 != "1" && $0 != "0" } ?? false
    let isOptional = element.attribute("minOccurs") == "0"
    if let reference = element.attribute("ref") {
      return .element(place.name(reference), isList: isList, isOptional: isOptional)
    }
    let form = element.attribute("form")
    let isQualified = isGlobal || (form.map { $0 == "qualified" } ?? place.isQualified)
    let member = XMLForm.Member(
      name: XMLName(element.attribute("name") ?? "", namespace: isQualified ? place.target : nil), kind: .any,
      isList: isList, isNillable: element.attribute("nillable") == "true", isOptional: isOptional)
    if let type = element.attribute("type") { return .member(member, type: place.name(type)) }
    return .member(member, type: inner(element, place))
  }

  /// The type that is written inside an element.
  private mutating func inner(_ element: XMLElement, _ place: Place) -> XMLName? {
    if let type = element.first("complexType", namespace: SOAPNames.schema) {
      unnamed += 1
      let name = XMLName("#\(unnamed)", namespace: place.target)
      complex(type, name, place)
      return name
    }
    return element.first("simpleType", namespace: SOAPNames.schema).flatMap { made($0, place) }
  }

  private mutating func complex(_ type: XMLElement, _ name: XMLName, _ outer: Place) {
    let place = outer.inside(type)
    if let content = type.first("simpleContent") {
      // Its text counts, its attributes do not.
      simple[name] = (content.first("extension") ?? content.first("restriction"))?.attribute("base").map(place.name)
      return
    }
    var body = type
    if let content = type.first("complexContent"),
      let change = content.first("extension") ?? content.first("restriction")
    {
      body = change
      // A restriction lists everything again; the array of an old encoding lists nothing.
      if change.name.local == "extension" { bases[name] = change.attribute("base").map(place.name) }
    }
    pending[name] = particles(body, place.inside(body))
  }

  /// The elements in sequences, choices and alls, in order.
  private mutating func particles(_ body: XMLElement, _ place: Place, isRepeated: Bool = false) -> [Pending] {
    var found: [Pending] = []
    for child in body.elements where child.name.namespace == SOAPNames.schema {
      let repeats = isRepeated || child.attribute("maxOccurs").map { $0 != "1" && $0 != "0" } ?? false
      switch child.name.local {
      case "sequence", "all": found += particles(child, place.inside(child), isRepeated: repeats)
      case "choice":
        let choices = particles(child, place.inside(child), isRepeated: repeats)
        found += choices.map { pending in
          guard case .member(var member, let type) = pending else { return pending }
          member.isOptional = true
          return .member(member, type: type)
        }
      case "element":
        let declared = declared(child, place)
        if case .member(var member, let type) = declared, isRepeated {
          member.isList = true
          found.append(.member(member, type: type))
        } else {
          found.append(declared)
        }
      case "group": found += child.attribute("ref").map { [.group(place.name($0))] } ?? []
      case "attribute":
        found +=
          child.attribute("name").map { name in
            [.member(XMLForm.Member(name: XMLName(name), kind: .text, isAttribute: true), type: nil)]
          } ?? []
      default: break
      }
    }
    return found
  }

  private func made(_ type: XMLElement, _ place: Place) -> XMLName? {
    (type.first("restriction")?.attribute("base")).map(place.inside(type).name)
      ?? XMLName("string", namespace: SOAPNames.schema)
  }
}
