/// One request as it goes on the wire. A plain value: nothing here retries, redirects or authenticates by itself.
package struct HTTPRequest: Sendable {
  /// An upper-case token (RFC 9110, section 9.1).
  package var method: String
  /// Absolute, `http` or `https`, without user information.
  package var url: String
  package var headers: HTTPHeaders
  /// Nil sends no body; an empty array sends a body of length zero.
  package var body: [UInt8]?
  /// For the whole exchange, name look-up to last byte.
  package var timeout: Duration

  package init(
    _ method: String, _ url: String, headers: HTTPHeaders = HTTPHeaders(), body: [UInt8]? = nil,
    timeout: Duration = .seconds(60)
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
    self.timeout = timeout
  }

  /// Refuses what could be read as two requests, or as another one than was meant (RFC 9112, section 11.1).
  func check() throws(HTTPError) {
    guard !method.isEmpty, method.utf8.allSatisfy({ (0x41...0x5A).contains($0) }) else {
      throw HTTPError(.invalidRequest, "the method is not a word of capital letters")
    }
    let scheme = url.lowercased()
    guard scheme.hasPrefix("http://") || scheme.hasPrefix("https://"),
      url.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
    else {
      throw HTTPError(.invalidRequest, "the URL is not an absolute http or https URL of printable ASCII")
    }
    for (name, value) in headers {
      guard !name.isEmpty, name.utf8.allSatisfy(HTTPHeaders.isTokenByte) else {
        throw HTTPError(.invalidRequest, "a header name is not a token")
      }
      guard !value.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) else {
        throw HTTPError(.invalidRequest, "the value of header \(name) holds a control character")
      }
    }
  }
}

/// The answer to a request, whatever its status: a 3xx is handed to the caller, never followed.
package struct HTTPResponse: Sendable {
  package var status: Int
  package var headers: HTTPHeaders
  /// After decompression.
  package var body: [UInt8]

  package init(status: Int, headers: HTTPHeaders = HTTPHeaders(), body: [UInt8] = []) {
    self.status = status
    self.headers = headers
    self.body = body
  }
}

/// Header fields in the order of the wire. Names are compared without case; a name may repeat.
package struct HTTPHeaders: Sendable, Hashable, ExpressibleByDictionaryLiteral {
  private struct Field: Hashable, Sendable {
    var name: String
    var value: String
  }
  private var fields: [Field] = []

  package init() {}

  package init(dictionaryLiteral elements: (String, String)...) {
    fields = elements.map { Field(name: $0.0, value: $0.1) }
  }

  package var count: Int { fields.count }

  /// The first value of `name`. Setting replaces all values of it; nil removes them.
  package subscript(name: String) -> String? {
    get { values(name).first }
    set {
      let key = name.lowercased()
      fields.removeAll { $0.name.lowercased() == key }
      if let newValue { fields.append(Field(name: name, value: newValue)) }
    }
  }

  /// All values of `name` in order.
  package func values(_ name: String) -> [String] {
    let key = name.lowercased()
    return fields.filter { $0.name.lowercased() == key }.map(\.value)
  }

  package mutating func append(_ name: String, _ value: String) { fields.append(Field(name: name, value: value)) }

  /// `tchar` of RFC 9110, section 5.6.2.
  package static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }
}

extension HTTPHeaders: Sequence {
  package func makeIterator() -> AnyIterator<(name: String, value: String)> {
    var inner = fields.makeIterator()
    return AnyIterator { inner.next().map { ($0.name, $0.value) } }
  }
}
