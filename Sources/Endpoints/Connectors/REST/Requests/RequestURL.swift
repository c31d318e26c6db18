import Changes

/// The application's address: what paths are put behind, and what a next link must not leave.
struct ServerAddress: Sendable, Hashable {
  /// Without a slash at the end.
  let url: String
  /// Scheme, host and port in lower case, the scheme's own port left out.
  let origin: String

  /// Nil unless it is an absolute http or https URL without user information, query or fragment.
  init?(_ text: String) {
    guard let origin = ServerAddress.origin(of: text), !text.contains("?"), !text.contains("#") else { return nil }
    self.origin = origin
    url = text.hasSuffix("/") ? String(text.dropLast()) : text
  }

  /// The absolute URL of a next link found in the answer to `page`.
  /// - Throws: `Failure` if it leads to another origin: the credentials of this one would go there.
  func resolve(_ link: String, from page: String) throws(Failure) -> String {
    guard link.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\\") }), !link.hasPrefix("//") else {
      throw refusal
    }
    if link.contains("://"), let scheme = link.split(separator: ":").first, scheme.allSatisfy(\.isLetter) {
      guard ServerAddress.origin(of: link) == origin else { throw refusal }
      return link
    }
    if link.hasPrefix("/") { return root + link }
    let path = String(page.prefix { $0 != "?" })
    if link.hasPrefix("?") { return path + link }
    throw refusal
  }

  private var root: String {
    let afterScheme = url.firstRange(of: "://")?.upperBound ?? url.startIndex
    return String(url[..<(url[afterScheme...].firstIndex(of: "/") ?? url.endIndex)])
  }

  private var refusal: Failure {
    Failure(
      code: "connector.next-link",
      message:
        "the link to the next page is not one of \(origin) and was not followed; check the application's base URL")
  }

  private static func origin(of text: String) -> String? {
    let lowered = text.lowercased()
    let scheme = lowered.hasPrefix("https://") ? "https://" : "http://"
    guard lowered.hasPrefix(scheme) else { return nil }
    let authority = lowered.dropFirst(scheme.count).prefix { !"/?#\\".contains($0) }
    guard !authority.isEmpty, authority.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "@") })
    else { return nil }
    let usual = scheme == "https://" ? ":443" : ":80"
    return scheme + (authority.hasSuffix(usual) ? authority.dropLast(usual.count) : authority)
  }
}

/// Text with `{name}` in it.
enum Template {
  /// Puts in each value as one path segment: whatever it holds, it stays inside its segment.
  /// - Throws: `Failure` for an empty value, `.` or `..`, which would name another resource.
  static func path(_ template: String, _ values: [String: String]) throws(Failure) -> String {
    var result = template
    for (name, value) in values where template.contains("{\(name)}") {
      guard !value.isEmpty, value != ".", value != ".." else {
        throw Failure(code: "connector.id", message: "the \(name) '\(value)' cannot be part of a path")
      }
      result = result.replacing("{\(name)}", with: encoded(value))
    }
    return result
  }

  /// Puts in each value as it is, in one pass: a value that looks like a place for another stays as it is.
  static func text(_ template: String, _ values: [String: String]) -> String {
    var result = ""
    var rest = template[...]
    while let open = rest.firstIndex(of: "{") {
      result += rest[..<open]
      rest = rest[open...]
      guard let close = rest.firstIndex(of: "}"), let value = values[String(rest[..<close].dropFirst())] else {
        result += "{"
        rest = rest.dropFirst()
        continue
      }
      result += value
      rest = rest[rest.index(after: close)...]
    }
    return result + rest
  }

  static func query(_ pairs: [(name: String, value: String)]) -> String {
    pairs.isEmpty ? "" : "?" + pairs.map { "\(encoded($0.name))=\(encoded($0.value))" }.joined(separator: "&")
  }

  /// Everything but the unreserved characters of RFC 3986, section 2.3, as `%XX`.
  static func encoded(_ text: String) -> String {
    var result: [UInt8] = []
    let digits = Array("0123456789ABCDEF".utf8)
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: result.append(byte)
      default: result += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// The inverse of `encoded`; nil if a `%` is not followed by two hexadecimal digits.
  static func decoded(_ text: some StringProtocol) -> String? {
    var result: [UInt8] = []
    var bytes = Array(text.utf8)[...]
    while let byte = bytes.popFirst() {
      if byte == 0x25 {
        guard let code = UInt8(String(decoding: bytes.prefix(2), as: UTF8.self), radix: 16), bytes.count >= 2 else {
          return nil
        }
        result.append(code)
        bytes = bytes.dropFirst(2)
      } else {
        result.append(byte)
      }
    }
    return String(validating: result, as: UTF8.self)
  }
}
