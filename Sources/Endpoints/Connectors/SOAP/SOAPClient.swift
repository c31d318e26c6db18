import Changes
import Foundation
import HTTP
import JSON
import XML

/// Calls the operations of one service. Its WSDL is read before the first call, and once.
actor SOAPClient {
  nonisolated let connector: String
  private let rules: SOAPRules
  /// The service's address where the connector gives one.
  private let url: String?
  private let folder: String
  private let credentials: [String: String]
  private let client: HTTPClient
  private nonisolated let gate: Gate
  private var reading: Task<Service, any Error>?

  /// What is known of a service once its WSDL is read.
  struct Service: Sendable {
    let address: String
    let operations: [String: SOAPOperation]
    let envelope: SOAPEnvelope
  }

  init(_ rules: SOAPRules, _ connection: Connection) {
    connector = connection.name
    self.rules = rules
    let url = connection.url ?? rules.url
    self.url = url
    address = url ?? rules.wsdl ?? connection.name
    folder = connection.folder
    credentials = connection.auth
    client = connection.client
    gate = Gate(limit: rules.concurrency)
  }

  /// Whose answers positions are about.
  nonisolated let address: String

  /// Calls an operation once.
  /// - Parameters:
  ///   - arguments: in the order they are sent where no WSDL says it.
  ///   - fields: the record's elements and their kinds, where the manifest says them, and the argument they are in.
  /// - Throws: `SOAPFault`, `Refused`, `HTTPError`, `EndUnavailable`, or `Failure` for what cannot be sent.
  func call(
    _ call: SOAPCallRules, _ arguments: JSONObject, of object: SOAPObjectRules, at place: String
  ) async throws -> JSONObject {
    let service = try await service()
    let operation = try operation(call, object, service, at: place)
    let request: SOAPRequest
    do { request = try service.envelope.request(operation, arguments) } catch let error as XMLForm.Mismatch {
      throw Failure(code: "soap.element", message: "\(place): \(error.reason): see the service's WSDL")
    } catch let error as XMLError {
      throw Failure(code: "soap.character", message: "\(place): \(error)")
    }
    let response = try await send(service.address, request)
    let answer: SOAPAnswer
    do { answer = try SOAPAnswer(response.body, operation) } catch {
      guard (200..<300).contains(response.status) else { throw Refused(response, at: place) }
      // A page of a proxy, or another service: not the record's fault.
      throw EndUnavailable(Failure(code: "soap.answer", message: "\(place): the answer is no SOAP: \(error)"))
    }
    switch answer {
    case .result(let result): return result
    case .fault(let fault): throw fault
    }
  }

  private func send(_ url: String, _ request: SOAPRequest) async throws(HTTPError) -> HTTPResponse {
    var headers: HTTPHeaders = ["Accept": "text/xml, application/soap+xml"]
    for (name, value) in request.headers { headers[name] = value }
    switch rules.authentication {
    case .basic(let username, let password):
      let pair = "\(credentials[username] ?? ""):\(credentials[password] ?? "")"
      headers["Authorization"] = "Basic " + Base64.encoded(Array(pair.utf8))
    case .bearer(let credential): headers["Authorization"] = "Bearer " + (credentials[credential] ?? "")
    case .none, .usernameToken: break
    }
    let message = HTTPRequest("POST", url, headers: headers, body: request.body)
    return try await gate.pass { () async throws(HTTPError) in try await client.send(message) }
  }

  private func operation(
    _ call: SOAPCallRules, _ object: SOAPObjectRules, _ service: Service, at place: String
  ) throws(Failure) -> SOAPOperation {
    guard rules.wsdl == nil else {
      if let operation = service.operations[call.operation] { return operation }
      throw Failure(
        code: "soap.operation",
        message: "\(place): the WSDL has no operation \(call.operation); it has "
          + service.operations.keys.sorted().joined(separator: ", "))
    }
    return SOAPOperation(
      name: call.operation, input: .init(name: XMLName(call.operation, namespace: rules.namespace), kind: .any),
      output: .any, action: call.action ?? "", form: XMLForm()
    ).describing(object, call, rules.namespace.flatMap { rules.isQualified ? $0 : nil })
  }

  // MARK: - The WSDL

  private func service() async throws -> Service {
    if let reading { return try await reading.value }
    let task = Task { try await self.read() }
    reading = task
    do { return try await task.value } catch {
      reading = nil
      throw error
    }
  }

  private func read() async throws -> Service {
    var wsdl: WSDL?
    if let location = rules.wsdl {
      let start =
        location.hasPrefix("http") ? location : location.hasPrefix("?") ? (url ?? "") + location : path(location)
      let root = try await document(start)
      var (schemas, seen): ([XMLElement], Set<String>) = ([], [start])
      var open = WSDL.imports(of: root).map { Self.resolve($0, from: start) }
      while let next = open.popLast() {
        // A schema of another server is a standard one, or none of ours to ask for.
        guard Self.origin(of: next) == Self.origin(of: start), seen.insert(next).inserted else { continue }
        guard seen.count <= 100 else {
          throw Failure(code: "soap.wsdl", message: "the WSDL imports more than 100 schemas")
        }
        let schema = try await document(next)
        schemas.append(schema)
        open += WSDL.imports(of: schema).map { Self.resolve($0, from: next) }
      }
      wsdl = try WSDL(root, schemas: schemas, version: rules.version)
    }
    guard let address = url ?? wsdl?.address else {
      throw Failure(code: "connector.url", message: "connector \(connector) has no address: give it a `url`")
    }
    return Service(address: address, operations: wsdl?.operations ?? [:], envelope: envelope(wsdl))
  }

  private func envelope(_ wsdl: WSDL?) -> SOAPEnvelope {
    let header = rules.header.map { name, value -> (XMLForm.Member, JSONValue) in
      let known = wsdl?.schema.elements.filter { $0.key.local == name } ?? [:]
      let member =
        known.count == 1
        ? known.values.first ?? XMLForm.Member(name: XMLName(name), kind: .any)
        : XMLForm.Member(name: XMLName(name, namespace: rules.namespace), kind: .any)
      return (member, value.replacing(credentials))
    }
    var token: SOAPEnvelope.UsernameToken?
    if case .usernameToken(let username, let password, let isDigest) = rules.authentication {
      token = .init(username: credentials[username] ?? "", password: credentials[password] ?? "", isDigest: isDigest)
    }
    return SOAPEnvelope(version: rules.version, header: header, form: wsdl?.schema.form ?? XMLForm(), token: token)
  }

  private func path(_ written: String) -> String { written.hasPrefix("/") ? written : folder + "/" + written }

  private func document(_ location: String) async throws -> XMLElement {
    let bytes: [UInt8]
    if location.hasPrefix("http") {
      let place = "reading the WSDL of \(connector)"
      let response: HTTPResponse
      do { response = try await client.send(HTTPRequest("GET", location)) } catch { throw error.asRead(at: place) }
      guard (200..<300).contains(response.status) else {
        throw EndUnavailable(Failure(status: response.status, at: place))
      }
      bytes = response.body
    } else {
      guard let data = FileManager.default.contents(atPath: location) else {
        throw Failure(code: "soap.wsdl", message: "there is no file \(location)")
      }
      bytes = Array(data)
    }
    do { return try XMLElement(parsing: bytes) } catch {
      throw Failure(code: "soap.wsdl", message: "\(location) is no XML that is read here: \(error)")
    }
  }

  private static func origin(of location: String) -> String? {
    location.contains("://") ? ServerAddress(String(location.prefix { $0 != "?" }))?.origin ?? location : nil
  }

  /// A location written in another document: beside it, or below the same server.
  private static func resolve(_ location: String, from document: String) -> String {
    if location.contains("://") || location.hasPrefix("/") && !document.hasPrefix("http") { return location }
    if document.hasPrefix("http"), location.hasPrefix("/") {
      let parts = document.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
      return parts.prefix(3).joined(separator: "/") + location
    }
    let path = document.prefix { $0 != "?" }
    return (path.lastIndex(of: "/").map { path[...$0] } ?? "") + location
  }
}

extension SOAPOperation {
  /// The operation with the record's fields as the manifest tells them.
  fileprivate func describing(_ object: SOAPObjectRules, _ call: SOAPCallRules, _ namespace: String?) -> SOAPOperation {
    guard !object.fields.isEmpty else { return self }
    var result = self
    let members = object.fields.map { name, kind in
      XMLForm.Member(
        name: XMLName(name, namespace: namespace),
        kind: kind == .number ? .number : kind == .boolean ? .boolean : kind == .list ? .any : .text,
        isList: kind == .list, isNillable: true)
    }
    let record = XMLName("#record")
    result.form.types[record] = members
    let arguments = call.send.map {
      XMLForm.Member(name: XMLName($0.name, namespace: namespace), kind: .any, isNillable: true)
    }
    let input = XMLName("#input")
    let wrapped = XMLForm.Member(name: XMLName(call.wrap, namespace: namespace), kind: .members(record))
    result.form.types[input] = arguments + (call.wrap.isEmpty ? members : [wrapped])
    result.input.kind = .members(input)
    // The record lies at a path of its own in each answer.
    if let item = call.item { result.output = result.form.nest(.members(record), at: item, isList: call.isListing) }
    return result
  }
}

extension XMLForm {
  /// A kind whose members lead to `kind` by a path. The last step may repeat.
  mutating func nest(_ kind: Kind, at path: String, isList: Bool = false) -> Kind {
    var steps = path.split(separator: ".").map(String.init)
    guard let last = steps.popLast() else { return kind }
    let inner = XMLName("#\(path)")
    types[inner] = [Member(name: XMLName(last), kind: kind, isList: isList)]
    return steps.isEmpty ? .members(inner) : nest(.members(inner), at: steps.joined(separator: "."))
  }
}

extension JSONValue {
  /// With `{name}` in texts replaced.
  func replacing(_ values: [String: String]) -> JSONValue {
    switch self {
    case .string(let text): .string(Template.text(text, values))
    case .array(let elements): .array(elements.map { $0.replacing(values) })
    case .object(let object): .object(JSONObject(object.members.map { ($0.name, $0.value.replacing(values)) }))
    case .null, .bool, .number: self
    }
  }
}
