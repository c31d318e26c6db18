import Changes
import Crypto
import JSON
import XML

/// One call as it goes on the wire.
struct SOAPRequest {
  let body: [UInt8]
  let headers: [(name: String, value: String)]
}

/// What makes an envelope: the same for every call of a connector.
struct SOAPEnvelope: Sendable {
  let version: SOAPVersion
  /// Elements of the header, with their credentials in them.
  let header: [(member: XMLForm.Member, value: JSONValue)]
  let form: XMLForm
  let token: UsernameToken?

  /// WS-Security UsernameToken Profile 1.0.
  struct UsernameToken: Sendable {
    let username: String
    let password: String
    let isDigest: Bool

    static func digest(nonce: [UInt8], created: String, password: String) -> String {
      Base64.encoded(Array(Insecure.SHA1.hash(data: nonce + Array((created + password).utf8))))
    }
  }

  /// - Parameters:
  ///   - moment: now; it and `nonce`, 16 random bytes, are of use only to a password digest.
  func request(
    _ operation: SOAPOperation, _ arguments: JSONObject, moment: Timestamp = .now, nonce: [UInt8] = randomBytes()
  ) throws -> SOAPRequest {
    var writer = XMLWriter()
    writer.declaration()
    try writer.start("soap:Envelope", [("xmlns:soap", version.envelope), ("xmlns:xsi", SOAPNames.instance)])
    if !header.isEmpty || token != nil {
      try writer.start("soap:Header")
      for (member, value) in header { try form.write(value, as: member, in: nil, to: &writer) }
      if let token { try write(token, moment, nonce, to: &writer) }
      writer.end()
    }
    try writer.start("soap:Body")
    try operation.form.write(.object(arguments), as: operation.input, in: nil, to: &writer)
    writer.end()
    writer.end()
    return SOAPRequest(body: writer.bytes, headers: headers(operation.action))
  }

  private func headers(_ action: String) -> [(name: String, value: String)] {
    switch version {
    case .v11: [("Content-Type", "text/xml; charset=utf-8"), ("SOAPAction", "\"\(action)\"")]
    case .v12:
      [("Content-Type", "application/soap+xml; charset=utf-8" + (action.isEmpty ? "" : "; action=\"\(action)\""))]
    }
  }

  private func write(_ token: UsernameToken, _ moment: Timestamp, _ nonce: [UInt8], to writer: inout XMLWriter) throws {
    let mustUnderstand = version == .v11 ? "1" : "true"
    try writer.start(
      "wsse:Security",
      [
        ("xmlns:wsse", SOAPNames.security), ("xmlns:wsu", SOAPNames.utility), ("soap:mustUnderstand", mustUnderstand),
      ])
    try writer.start("wsse:UsernameToken")
    try writer.element("wsse:Username", text: token.username)
    if token.isDigest {
      let created = TimeText.iso8601(moment)
      try writer.element(
        "wsse:Password", [("Type", SOAPNames.passwordType + "PasswordDigest")],
        text: UsernameToken.digest(nonce: nonce, created: created, password: token.password))
      try writer.element("wsse:Nonce", [("EncodingType", SOAPNames.base64)], text: Base64.encoded(nonce))
      try writer.element("wsu:Created", text: created)
    } else {
      try writer.element(
        "wsse:Password", [("Type", SOAPNames.passwordType + "PasswordText")], text: token.password)
    }
    writer.end()
    writer.end()
  }

  static func randomBytes() -> [UInt8] { (0..<16).map { _ in UInt8.random(in: .min ... .max) } }
}

/// One operation as it is called.
struct SOAPOperation: Sendable {
  var name: String
  /// The element in the body.
  var input: XMLForm.Member
  /// What the element in the answer's body holds.
  var output: XMLForm.Kind
  var action: String
  var form: XMLForm
}

/// What came back.
enum SOAPAnswer {
  /// What the element in the body holds.
  case result(JSONObject)
  case fault(SOAPFault)
}

/// A fault as its sender codes it. Its text may hold values, so it is not kept.
struct SOAPFault: Error, Hashable, CustomStringConvertible {
  /// From the general to the special: `Client.VersionConflict`, or in SOAP 1.2 `Sender` and the subcodes.
  let codes: [String]
  /// What it is about, where a detail says so.
  let detail: JSONValue

  var description: String { "fault \(codes.joined(separator: "/"))" }
}

extension SOAPAnswer {
  /// - Throws: `XMLError`; `XMLForm.Mismatch` for what is no envelope.
  init(_ body: [UInt8], _ operation: SOAPOperation) throws {
    let envelope = try XMLElement(parsing: body)
    let known = SOAPVersion.allCases.map(\.envelope)
    guard envelope.name.local == "Envelope", let namespace = envelope.name.namespace, known.contains(namespace),
      let content = envelope.first("Body", namespace: namespace)
    else { throw XMLForm.Mismatch(reason: "the answer is no SOAP envelope") }
    guard let first = content.elements.first else {
      self = .result([:])
      return
    }
    guard first.name == XMLName("Fault", namespace: namespace) else {
      self = .result(operation.form.json(first, as: operation.output).objectValue ?? [:])
      return
    }
    self = .fault(SOAPFault(first, isNew: namespace == SOAPVersion.v12.envelope))
  }
}

extension SOAPFault {
  fileprivate init(_ fault: XMLElement, isNew: Bool) {
    var codes: [String] = []
    if isNew {
      var code = fault.first("Code")
      while let there = code, codes.count < 10 {
        codes += there.first("Value").map { [Self.local($0.text)] } ?? []
        code = there.first("Subcode")
      }
    } else {
      codes = fault.first("faultcode").map { [Self.local($0.text)] } ?? []
    }
    self.codes = codes
    let detail = fault.first(isNew ? "Detail" : "detail")
    self.detail = detail.map { XMLForm().json($0, as: .any) } ?? .null
  }

  /// Without its prefix.
  private static func local(_ code: String) -> String {
    let text = code.filter { !$0.isWhitespace }
    return text.split(separator: ":").last.map(String.init) ?? text
  }
}
