import ArgumentParser
import JSON

/// `tidemark help manual`: the man page, in the language of mdoc(7), made from the help of the commands themselves.
enum Manual {
  /// Of the version, in the form that mdoc wants.
  private static let date = "November 24, 2026"

  /// - Throws: what the parser's own description of its commands cannot be read for.
  static func text() throws -> String {
    let help = try JSONValue(parsing: Tidemark._dumpHelp())
    guard let command = help.at("command") else { return "" }
    var lines = [
      ".Dd \(date)", ".Dt TIDEMARK 1", ".Os", ".Sh NAME", ".Nm tidemark",
      ".Nd \(escaped(command.at("abstract")?.stringValue ?? ""))", ".Sh SYNOPSIS", ".Nm", ".Ar command",
      ".Op Ar options",
      ".Sh DESCRIPTION",
    ]
    lines += block(command.at("discussion")?.stringValue)
    lines.append(".Sh COMMANDS")
    for subcommand in command.at("subcommands")?.arrayValue ?? [] { lines += section(subcommand, []) }
    lines += [
      ".Sh SEE ALSO", "The folder", ".Pa docs", "that comes with", ".Nm ,", "and",
      ".Ic tidemark help CODE", "for the code of an error.",
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  private static func section(_ command: JSONValue, _ above: [String]) -> [String] {
    guard let name = command.at("commandName")?.stringValue, name != "help" else { return [] }
    let path = above + [name]
    var lines = [".Ss tidemark \(escaped(path.joined(separator: " ")))"]
    lines += block(command.at("abstract")?.stringValue)
    lines += block(command.at("discussion")?.stringValue)
    let arguments = (command.at("arguments")?.arrayValue ?? []).filter {
      $0.at("shouldDisplay") == true && $0.at("names.0.name") != "help" && $0.at("names.0.name") != "version"
    }
    if !arguments.isEmpty {
      lines.append(".Bl -tag -width Ds")
      for argument in arguments { lines += item(argument) }
      lines.append(".El")
    }
    return lines + (command.at("subcommands")?.arrayValue ?? []).flatMap { section($0, path) }
  }

  private static func item(_ argument: JSONValue) -> [String] {
    let value = escaped(argument.at("valueName")?.stringValue ?? "")
    let names = (argument.at("names")?.arrayValue ?? []).compactMap { name in
      name.at("name")?.stringValue.map { name.at("kind") == "long" ? "\\-\\-\($0)" : "\\-\($0)" }
    }
    let head =
      switch argument.at("kind")?.stringValue {
      case "positional": ".It Ar \(value)"
      case "option": ".It Sy \(names.joined(separator: " , ")) Ar \(value)"
      default: ".It Sy \(names.joined(separator: " , "))"
      }
    return [head] + block(argument.at("abstract")?.stringValue)
  }

  /// Paragraphs as they are: what is indented, such as examples, stays in its lines.
  private static func block(_ text: String?) -> [String] {
    guard let text, !text.isEmpty else { return [] }
    var lines: [String] = []
    var isLiteral = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("  ") != isLiteral, !line.isEmpty {
        lines.append(isLiteral ? ".Ed" : ".Bd -literal -offset indent")
        isLiteral.toggle()
      }
      if line.isEmpty {
        if !isLiteral { lines.append(".Pp") }
      } else if isLiteral {
        lines.append(escaped(String(line.dropFirst(2))))
      } else {
        // mdoc wants each sentence on a line of its own.
        lines += sentences(line).map(escaped)
      }
    }
    if isLiteral { lines.append(".Ed") }
    return lines
  }

  private static func sentences(_ line: Substring) -> [String] {
    var sentences = [""]
    var isEnd = false
    for word in line.split(separator: " ") {
      if isEnd { sentences.append("") }
      sentences[sentences.count - 1] += (sentences[sentences.count - 1].isEmpty ? "" : " ") + word
      isEnd = [".", "?", "!"].contains { word.hasSuffix($0) }
    }
    return sentences
  }

  /// A backslash begins an escape, a dot or quote at the beginning of a line a request.
  private static func escaped(_ text: String) -> String {
    let plain = text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
    return plain.hasPrefix(".") || plain.hasPrefix("'") ? "\\&" + plain : plain
  }
}
