import Changes
import Crypto

/// Text with `{name}` in it, and `{name|filter}` for a value that is changed on its way in.
enum Template {
  /// What can be done to a value before it is put in.
  enum Filter: String, CaseIterable {
    case lower
    /// In hexadecimal, of the UTF-8 of the value.
    case md5
    /// Single quotes doubled, as OData and SQL-like filters write them.
    case quoted
    /// A backslash before quotes and backslashes.
    case escaped
    /// The last part of a dotted name.
    case leaf
    /// Parts between commas: in a body a list of them.
    case list
    case base64
    /// An ISO 8601 moment in the form of RFC 9110, section 5.6.7, with its seconds cut off.
    case httpDate = "http_date"
    /// The whole seconds of an ISO 8601 moment, without its zone.
    case seconds

    func applied(to text: String) -> String {
      switch self {
      case .lower: text.lowercased()
      case .md5: Hexadecimal.encoded(Insecure.MD5.hash(data: Array(text.utf8)))
      case .quoted: text.replacing("'", with: "''")
      case .escaped: text.replacing("\\", with: "\\\\").replacing("'", with: "\\'").replacing("\"", with: "\\\"")
      case .leaf: text.split(separator: ".").last.map(String.init) ?? text
      case .list: text
      case .base64: Base64.encoded(Array(text.utf8))
      case .httpDate: TimeText.iso8601(text).map { TimeText.httpDate($0) } ?? text
      case .seconds: TimeText.iso8601(text).map { String(TimeText.iso8601($0).prefix(19)) } ?? text
      }
    }
  }

  /// Puts in each value as one path segment: whatever it holds, it stays inside its segment.
  /// - Throws: `Failure` for an empty value, `.` or `..`, which would name another resource.
  static func path(_ template: String, _ values: [String: String]) throws(Failure) -> String {
    for (name, value) in values where names(in: template).contains(name) {
      guard !value.isEmpty, value != ".", value != ".." else {
        throw Failure(code: "connector.id", message: "the \(name) '\(value)' cannot be part of a path")
      }
    }
    return text(template, values, encoding: encoded)
  }

  /// Puts in each value as it is, in one pass: a value that looks like a place for another stays as it is. Where there
  /// is no value the template's text stays.
  static func text(_ template: String, _ values: [String: String], encoding: (String) -> String = { $0 }) -> String {
    var result = ""
    for part in parts(of: template) {
      switch part {
      case .literal(let text): result += text
      case .place(let written, let name, let filters):
        guard let value = values[name] else {
          result += written
          continue
        }
        result += encoding(filters.reduce(value) { $1.applied(to: $0) })
      }
    }
    return result
  }

  /// What a template has places for.
  static func names(in template: String) -> [String] {
    parts(of: template).compactMap { if case .place(_, let name, _) = $0 { name } else { nil } }
  }

  private enum Part {
    case literal(String)
    case place(written: String, name: String, filters: [Filter])
  }

  /// Braces around anything but a name and known filters are text.
  private static func parts(of template: String) -> [Part] {
    var parts: [Part] = []
    var literal = ""
    var rest = template[...]
    while let open = rest.firstIndex(of: "{") {
      literal += rest[..<open]
      rest = rest[open...]
      guard let close = rest.firstIndex(of: "}"), let place = place(rest[...close]) else {
        literal += "{"
        rest = rest.dropFirst()
        continue
      }
      parts += [.literal(literal), place]
      literal = ""
      rest = rest[rest.index(after: close)...]
    }
    return parts + [.literal(literal + rest)]
  }

  private static func place(_ written: Substring) -> Part? {
    let words = written.dropFirst().dropLast().split(separator: "|", omittingEmptySubsequences: false).map(String.init)
    guard let name = words.first, !name.isEmpty,
      name.utf8.allSatisfy({ !" \"{}:,/\\".utf8.contains($0) })
    else { return nil }
    let filters = words.dropFirst().map { Filter(rawValue: $0) }
    guard filters.allSatisfy({ $0 != nil }) else { return nil }
    return .place(written: String(written), name: name, filters: filters.compactMap { $0 })
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
