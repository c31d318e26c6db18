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

  /// What comes after the host; empty, or from a slash on.
  var path: String { String(url.dropFirst(root.count)) }

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
