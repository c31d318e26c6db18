import JSON
import YAML

/// How an application signs what it sends, and what can be told from it. Webhooks are hints: they name what to look at,
/// never what it is.
struct ReceiverRules: Sendable {
  enum Scheme: Sendable {
    /// Standard Webhooks 1.0.0.
    case standard
    case signature(Signature)
    /// The secret itself is sent along.
    case token(Place)
  }

  /// A message authentication code over a text.
  struct Signature: Sendable {
    var header: String
    var algorithm: SignatureRules.Algorithm
    var encoding: SignatureRules.Encoding
    /// What stands before the code.
    var prefix: String
    /// Names of the header's parts, where it is `t=…,v1=…`.
    var parts: (timestamp: String, signature: String)?
    /// What is signed, with `{body}`, `{timestamp}` and `{method}`.
    var text: String
    var timestamp: Timestamp?
    /// Whether the secret is the base64 of the key.
    var isEncodedSecret: Bool
  }

  /// When it was sent: what is too old may be somebody else's repetition.
  struct Timestamp: Sendable {
    var header: String?
    var isMilliseconds: Bool
    var tolerance: Duration
  }

  enum Place: Sendable {
    case header(String)
    case query(String)
    case body(path: String)
  }

  /// What the application sends to see that the address is ours, and what it wants to hear.
  struct Handshake: Sendable {
    var place: Place
    /// With `{challenge}`; a text is answered as text, anything else as JSON.
    var answer: JSONValue
  }

  var scheme: Scheme
  var handshake: Handshake?
  /// What tells one delivery from another.
  var id: Place?
  /// The object's name; nil: any delivery wakes every object.
  var object: Place?
  /// Objects by what the application calls them there.
  var objects: [String: String]
}

extension ReceiverRules {
  private enum Named: String, CaseIterable { case standard }

  init?(_ reader: YAMLReader) {
    let named = reader["scheme"]?.choice(Named.self).map { _ in Scheme.standard }
    let signature = reader["signature"]?.mapping { Signature($0) }.map { Scheme.signature($0) }
    let token = reader["token"].flatMap { Place($0) }.map { Scheme.token($0) }
    let handshake = reader["handshake"]?.mapping { Handshake($0) }
    let id = reader["id"].flatMap { Place($0) }
    let object = reader["object"].flatMap { Place($0) }
    let objects = reader["objects"]?.pairs() ?? []
    let given = ["scheme", "signature", "token"].count { reader[$0] != nil }
    if given != 1 { reader.report("manifest.webhook", "expected one of scheme, signature, token") }
    guard let scheme = named ?? signature ?? token else { return nil }
    self.init(
      scheme: scheme, handshake: handshake, id: id, object: object,
      objects: Dictionary(objects) { first, _ in first })
  }
}

extension ReceiverRules.Signature {
  fileprivate init?(_ reader: YAMLReader) {
    let header = reader.required("header")?.string()
    let algorithm = reader["algorithm"]?.choice(SignatureRules.Algorithm.self) ?? .sha256
    let encoding = reader["encoding"]?.choice(SignatureRules.Encoding.self) ?? .hex
    let prefix = reader["prefix"]?.string() ?? ""
    let text = reader["text"]?.string() ?? "{body}"
    let parts = reader["parts"]?.mapping { parts -> (timestamp: String, signature: String)? in
      guard let time = parts.required("timestamp")?.string(), let code = parts.required("signature")?.string() else {
        return nil
      }
      return (time, code)
    }
    let timestamp = reader["timestamp"]?.mapping { ReceiverRules.Timestamp($0) }
    let isEncoded = reader["secret"]?.choice(SecretForm.self) == .base64
    if text.contains("{timestamp}"), parts == nil, timestamp?.header == nil {
      reader.report("manifest.webhook", "the text has a timestamp, and nothing says where it is")
    }
    guard let header else { return nil }
    self.init(
      header: header, algorithm: algorithm, encoding: encoding, prefix: prefix, parts: parts, text: text,
      timestamp: timestamp ?? parts.map { _ in .init(isMilliseconds: false, tolerance: ReceiverRules.usualTolerance) },
      isEncodedSecret: isEncoded)
  }

  private enum SecretForm: String, CaseIterable { case text, base64 }
}

extension ReceiverRules {
  /// What Standard Webhooks and most others advise.
  static let usualTolerance = Duration.seconds(300)
}

extension ReceiverRules.Timestamp {
  private enum Unit: String, CaseIterable { case s, ms }

  fileprivate init?(_ reader: YAMLReader) {
    let header = reader["header"]?.string()
    let unit = reader["unit"]?.choice(Unit.self) ?? .s
    let tolerance = reader["tolerance"]?.duration(in: .seconds(1) ... .days(1)) ?? ReceiverRules.usualTolerance
    self.init(header: header, isMilliseconds: unit == .ms, tolerance: tolerance)
  }
}

extension ReceiverRules.Place {
  /// A path in the body, or a mapping of `header`, `query` or `body`.
  fileprivate init?(_ value: YAMLValue) {
    guard case .mapping = value.node.content else {
      guard let path = value.string() else { return nil }
      self = .body(path: path)
      return
    }
    let read = value.mapping { ReceiverRules.Place($0) }
    guard let read else { return nil }
    self = read
  }

  fileprivate init?(_ reader: YAMLReader) {
    let header = reader["header"]?.string().map { Self.header($0) }
    let query = reader["query"]?.string().map { Self.query($0) }
    let body = reader["body"]?.string().map { Self.body(path: $0) }
    let given = [header, query, body].compactMap { $0 }
    guard given.count == 1, let only = given.first else {
      reader.report("manifest.webhook", "expected one of header, query, body")
      return nil
    }
    self = only
  }
}

extension ReceiverRules.Handshake {
  fileprivate init?(_ reader: YAMLReader) {
    let answer = reader["answer"]?.json() ?? "{challenge}"
    guard let place = ReceiverRules.Place(reader) else { return nil }
    self.init(place: place, answer: answer)
  }
}
