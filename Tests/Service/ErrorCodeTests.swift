import Foundation
import Runtime
import Testing

/// `tidemark help CODE` knows every code that the sources can say.
@Suite struct ErrorCodeTests {
  /// The codes in the sources, with the file that says them. One that ends in an interpolation stands for its beginning.
  private static func codes() throws -> [String: String] {
    var codes: [String: String] = [:]
    let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Sources")
    let files = FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil)
    let said = /(?:code:\s*|report\(\s*)"((?:[^"\\]|\\.)*)"/
    while let file = files?.nextObject() as? URL {
      guard file.pathExtension == "swift", !file.path.contains("/Runtime/Errors/") else { continue }
      for match in try String(contentsOf: file, encoding: .utf8).matches(of: said) {
        let code = match.1.split(separator: "\\", maxSplits: 1, omittingEmptySubsequences: false)[0]
        codes[String(code) + (code.count < match.1.count || code.hasSuffix(".") ? "…" : "")] = file.lastPathComponent
      }
    }
    return codes
  }

  @Test func everyCodeOfTheSourcesIsExplained() throws {
    let codes = try Self.codes()
    #expect(codes.count > 100)
    for (code, file) in codes.sorted(by: { $0.key < $1.key }) {
      #expect(ErrorCode.find(code) != nil, "\(file) says \(code), which Runtime/Errors does not explain")
    }
  }

  @Test func nothingIsExplainedThatNobodySays() throws {
    let codes = try Self.codes().keys
    // These are made of what an end answers.
    let answers = ["http.4", "sql.42501", "letter.retried", "letter.dropped", "yaml.anchor", "yaml.tag"]
    for entry in ErrorCode.all where !answers.contains(where: { entry.code.hasPrefix($0) }) {
      let beginning = entry.code.hasSuffix("*") ? String(entry.code.dropLast()) : entry.code
      #expect(
        codes.contains { entry.code.hasSuffix("*") ? $0.hasPrefix(beginning) : $0 == beginning },
        "nobody says \(entry.code)")
    }
  }

  @Test func everyCodeIsExplainedOnceAndInWholeSentences() {
    #expect(Set(ErrorCode.all.map(\.code)).count == ErrorCode.all.count)
    for entry in ErrorCode.all {
      for text in [entry.meaning, entry.consequence] {
        #expect(text.last == "." && text.first?.isUppercase == true, "\(entry.code): \(text)")
      }
      #expect(!entry.remedy.isEmpty)
    }
    #expect(ErrorCode.find("http.503")?.code == "http.*")
    #expect(ErrorCode.find("http.422")?.code == "http.422")
    #expect(ErrorCode.find("nothing") == nil)
  }
}
