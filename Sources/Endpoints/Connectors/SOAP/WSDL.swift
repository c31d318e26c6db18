import Changes
import XML

/// What a WSDL 1.1 says of the operations that are bound to a version of SOAP, document or rpc style with literal use.
struct WSDL: Sendable {
  private(set) var operations: [String: SOAPOperation] = [:]
  /// Where it says that the service is; often another machine's name.
  private(set) var address: String?
  private(set) var schema = XMLSchema()

  /// - Parameters:
  ///   - documents: the WSDL, then the schemas it imports.
  /// - Throws: `Failure` for what is no WSDL, or binds nothing to that version.
  init(_ root: XMLElement, schemas: [XMLElement], version: SOAPVersion) throws(Failure) {
    guard root.name == XMLName("definitions", namespace: SOAPNames.wsdl) else {
      throw Failure(code: "soap.wsdl", message: "the document is no WSDL 1.1 (it begins with \(root.name.local))")
    }
    let prefixes = Self.prefixes(of: root)
    for schema in Self.schemas(in: root) { self.schema.add(schema, prefixes: prefixes) }
    for schema in schemas { self.schema.add(schema) }
    schema.resolve()
    let bound = root.elements("binding").filter { $0.first("binding", namespace: version.binding) != nil }
    guard let binding = bound.first else {
      throw Failure(code: "soap.wsdl", message: "the WSDL binds nothing to SOAP \(version.rawValue) over HTTP")
    }
    for operation in binding.elements("operation") { add(operation, binding, root, version, prefixes) }
    for port in root.elements("service").flatMap({ $0.elements("port") })
    where port.attribute("binding").map(Self.local) == binding.attribute("name") {
      address = port.first("address", namespace: version.binding)?.attribute("location")
    }
  }

  /// Where the schemas are that a document imports, as it writes it.
  static func imports(of root: XMLElement) -> [String] {
    let schemas = root.name.local == "schema" ? [root] : schemas(in: root)
    return schemas.flatMap(\.elements).filter { ["import", "include"].contains($0.name.local) }
      .compactMap { $0.attribute("schemaLocation") }
  }

  private static func schemas(in root: XMLElement) -> [XMLElement] {
    root.elements("types").flatMap { types in
      types.elements("schema", namespace: SOAPNames.schema).map { schema in
        var schema = schema
        schema.namespaces = types.namespaces + schema.namespaces
        return schema
      }
    }
  }

  private static func prefixes(of root: XMLElement) -> [String: String] {
    Dictionary(root.namespaces.map { ($0.prefix, $0.uri) }) { _, last in last }
  }

  private static func local(_ name: String) -> String { name.split(separator: ":").last.map(String.init) ?? name }

  private mutating func add(
    _ operation: XMLElement, _ binding: XMLElement, _ root: XMLElement, _ version: SOAPVersion,
    _ prefixes: [String: String]
  ) {
    guard let name = operation.attribute("name"),
      let port = root.elements("portType").first(where: {
        $0.attribute("name") == binding.attribute("type").map(Self.local)
      }), let abstract = port.elements("operation").first(where: { $0.attribute("name") == name })
    else { return }
    let details = operation.first("operation", namespace: version.binding)
    let outer = binding.first("binding", namespace: version.binding)
    let style = details?.attribute("style") ?? outer?.attribute("style") ?? "document"
    func parts(_ direction: String) -> [XMLElement] {
      let message = abstract.first(direction)?.attribute("message").map(Self.local)
      let headers = Set(
        operation.first(direction)?.elements("header", namespace: version.binding)
          .filter { $0.attribute("message").map(Self.local) == message }.compactMap { $0.attribute("part") } ?? [])
      return root.elements("message").first { $0.attribute("name") == message }?.elements("part")
        .filter { !headers.contains($0.attribute("name") ?? "") } ?? []
    }
    func meant(_ attribute: String, of part: XMLElement) -> XMLName? {
      guard let written = part.attribute(attribute) else { return nil }
      let known = prefixes.merging(Self.prefixes(of: part)) { _, inner in inner }
      let pair = written.split(separator: ":", maxSplits: 1).map(String.init)
      return pair.count == 2 ? XMLName(pair[1], namespace: known[pair[0]]) : XMLName(written, namespace: known[""])
    }
    var form = schema.form
    let action = details?.attribute("soapAction") ?? ""
    if style == "rpc" {
      let namespace =
        operation.first("input")?.first("body", namespace: version.binding)?.attribute("namespace")
        ?? root.attribute("targetNamespace")
      func wrapper(_ suffix: String, _ direction: String) -> XMLForm.Kind {
        let type = XMLName("#\(name)\(suffix)", namespace: namespace)
        form.types[type] = parts(direction).map { part in
          XMLForm.Member(
            name: XMLName(part.attribute("name") ?? ""), kind: schema.kind(meant("type", of: part)),
            isNillable: true)
        }
        return .members(type)
      }
      let input = XMLForm.Member(name: XMLName(name, namespace: namespace), kind: wrapper("", "input"))
      operations[name] = SOAPOperation(
        name: name, input: input, output: wrapper("Response", "output"), action: action, form: form)
      return
    }
    guard let element = parts("input").first.flatMap({ meant("element", of: $0) }) else { return }
    let output = parts("output").first.flatMap { meant("element", of: $0) }
    operations[name] = SOAPOperation(
      name: name, input: schema.elements[element] ?? XMLForm.Member(name: element, kind: .any),
      output: output.flatMap { schema.elements[$0]?.kind } ?? .any, action: action, form: form)
  }
}
