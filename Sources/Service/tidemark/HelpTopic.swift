import JSON
import Runtime
import YAML

/// `tidemark help CODE`: what the code of an error means. Commands have their help from the parser.
struct HelpTopic {
  let code: ErrorCode
  let asked: String

  /// - Returns: nil where the words are about a command.
  init?(_ arguments: [String]) {
    guard arguments.count == 2, arguments[0] == "help", let found = ErrorCode.find(arguments[1]) else { return nil }
    code = found
    asked = arguments[1]
  }

  var text: String {
    """
    \(asked)
      what    \(code.meaning)
      then    \(code.consequence)
      remedy  \(code.remedy)
    """
  }

  /// What is said of a word that looks like a code and is none.
  static func unknown(_ arguments: [String]) -> String? {
    guard arguments.count == 2, arguments[0] == "help", arguments[1].contains(".") else { return nil }
    let guess = nearest(to: arguments[1], among: ErrorCode.all.map(\.code)).map { "; did you mean \($0)?" } ?? ""
    return "tidemark: there is no error code '\(arguments[1])'\(guess) `tidemark help codes` lists them"
  }

  /// `tidemark help codes`
  static func list(_ arguments: [String]) -> String? {
    guard arguments == ["help", "codes"] else { return nil }
    return ErrorCode.all.map { "\($0.code)  \($0.meaning)" }.joined(separator: "\n")
  }
}
