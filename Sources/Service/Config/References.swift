import Foundation
import YAML

/// Looks up what `${env:NAME}`, `${file:path}` and `${command:program}` stand for.
struct References {
  let environment: [String: String]
  let paths: Paths

  /// The secret a value refers to. A literal is refused without repeating it.
  func secret(_ value: YAMLValue) -> Secret? {
    guard let text = value.string() else { return nil }
    guard let parts = split(text, at: value) else { return nil }
    guard parts.count == 1, case .reference(let reference) = parts[0] else {
      value.report(
        "config.secret", "a secret cannot be written here itself",
        hint: "write ${env:NAME}, ${file:path} or ${command:program} and keep the secret there")
      return nil
    }
    return lookUp(reference, at: value).map { Secret($0, reference: text) }
  }

  /// The text with every reference replaced. Inside the user and password of a URL (before its last `@`) what is put in
  /// is percent-encoded, so that a password may hold any character.
  func expanded(_ value: YAMLValue) -> String? {
    guard let text = value.string(), let parts = split(text, at: value) else { return nil }
    let lastAt = parts.lastIndex { if case .literal(let text) = $0 { text.contains("@") } else { false } } ?? 0
    var result = ""
    for (index, part) in parts.enumerated() {
      switch part {
      case .literal(let literal): result += literal
      case .reference(let reference):
        guard let found = lookUp(reference, at: value) else { return nil }
        result += index < lastAt ? encoded(found) : found
      }
    }
    return result
  }

  private enum Part {
    case literal(String)
    case reference(String)
  }

  private func split(_ text: String, at value: YAMLValue) -> [Part]? {
    var parts: [Part] = []
    var rest = text[...]
    while let start = rest.firstRange(of: "${") {
      guard let end = rest[start.upperBound...].firstIndex(of: "}") else {
        value.report("config.reference", "a reference lacks its closing brace", hint: "write ${env:NAME}")
        return nil
      }
      if start.lowerBound > rest.startIndex { parts.append(.literal(String(rest[..<start.lowerBound]))) }
      parts.append(.reference(String(rest[start.upperBound..<end])))
      rest = rest[rest.index(after: end)...]
    }
    if !rest.isEmpty { parts.append(.literal(String(rest))) }
    return parts
  }

  private func lookUp(_ reference: String, at value: YAMLValue) -> String? {
    let parts = reference.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    switch (parts.first, parts.count == 2 ? parts[1] : "") {
    case ("env", let name) where !name.isEmpty:
      if let found = environment[name], !found.isEmpty { return found }
      value.report(
        "config.environment", "the environment variable \(name) is not set",
        hint: "set it where Tidemark starts")
    case ("file", let path) where !path.isEmpty: return contents(of: path, at: value)
    case ("command", let command) where !command.isEmpty:
      switch SecretCommand.run(command, in: paths.resolved("")) {
      case .secret(let secret): return secret
      case .failed(let reason):
        value.report(
          "config.command", "the command gave no secret: \(reason)",
          hint: "run it by hand, as the user and in the folder it runs in here")
      }
    default:
      // Not repeated: what follows the brace may be a secret written by mistake.
      value.report(
        "config.reference", "unknown kind of reference", hint: "write ${env:NAME}, ${file:path} or ${command:program}")
    }
    return nil
  }

  private func contents(of path: String, at value: YAMLValue) -> String? {
    guard let data = FileManager.default.contents(atPath: paths.resolved(path)),
      let text = String(validating: data, as: UTF8.self)
    else {
      value.report("config.file", "the file \(path) cannot be read")
      return nil
    }
    // Editors and `echo` end a file with a line break that is no part of the secret.
    let secret = text.last?.isNewline == true ? String(text.dropLast()) : text
    if secret.isEmpty { value.report("config.file", "the file \(path) is empty") }
    return secret.isEmpty ? nil : secret
  }

  /// RFC 3986, section 2.3: all but unreserved characters.
  private func encoded(_ text: String) -> String {
    let unreserved = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~".utf8)
    return text.utf8.map { byte in
      if unreserved.contains(byte) { return String(UnicodeScalar(byte)) }
      return "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
    }.joined()
  }
}

/// Paths in a configuration are relative to its folder, wherever Tidemark is started.
struct Paths {
  private let folder: String

  init(of file: String) {
    folder = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
  }

  func resolved(_ path: String) -> String { path.hasPrefix("/") ? path : folder + path }
}
