import ArgumentParser
import Changes
import Config
import JSON
import Log
import Runtime
import Server

struct DeadLetters: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dead-letters", abstract: "The changes that delivery gave up on: why, and what becomes of them.",
    discussion: """
      EXAMPLES
        tidemark dead-letters                          how many there are of each reason, and the newest
        tidemark dead-letters show 7                   one of them, whole
        tidemark dead-letters retry 7 8                try them again
        tidemark dead-letters retry --link customers --code http.422
        tidemark dead-letters edit 7 --set 'phone=+351 289 000'
        tidemark dead-letters drop 7                   it was not meant
        tidemark dead-letters export > letters.jsonl

      A retry sends the record as it is now, in order with all its later changes.
      """,
    subcommands: [
      LetterList.self, LetterShow.self, LetterRetry.self, LetterEdit.self, LetterDrop.self, LetterExport.self,
    ],
    defaultSubcommand: LetterList.self, aliases: ["deadletters"])
}

/// Which dead letters a command is about.
struct LetterSelection: ParsableArguments {
  @Argument(help: "The numbers of the letters.") var ids: [Int64] = []
  @Option(help: "All of this link.") var link: String?
  @Option(help: "All with this reason, such as http.422.") var code: String?
  @Flag(help: "All there are.") var all = false

  func validate() throws {
    let isFiltered = link != nil || code != nil
    if ids.isEmpty, !isFiltered, !all { throw ValidationError("say which: numbers, --link, --code or --all") }
    if !ids.isEmpty, isFiltered || all { throw ValidationError("numbers exclude --link, --code and --all") }
  }

  /// - Throws: `Failure` for a number that is none's, or where none is meant.
  func letters(_ log: ChangeLog) async throws -> [DeadLetter] {
    let filter = LetterFilter(ids: ids.isEmpty ? nil : ids, link: link.map { LinkName($0) }, code: code)
    let letters = try await log.deadLetters(matching: filter, limit: .max)
    if let missing = ids.first(where: { id in !letters.contains { $0.id == id } }) {
      throw Failure(
        code: "letter.unknown", message: "there is no dead letter \(missing); `tidemark dead-letters` lists them")
    }
    return letters
  }
}

struct LetterList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "How many there are of each reason, and the newest.")

  @OptionGroup var options: ConfigurationOptions
  @Option(help: "Only those of this link.") var link: String?
  @Option(help: "Only those with this reason, such as http.422.") var code: String?
  @Option(help: "At most this many, the newest.") var limit = 100
  @Flag(help: "Print JSON.") var json = false

  func run() async throws {
    try await ExitStatus.reporting {
      let log = try await ChangeLog(path: try options.load().log, access: .reader)
      let filter = LetterFilter(link: link.map { LinkName($0) }, code: code)
      let letters = try await log.deadLetters(matching: filter, limit: limit)
      if json { return print(JSONValue.array(letters.map { .object($0.json) }).text) }
      guard !letters.isEmpty else { return print("no dead letters") }
      for count in try await log.deadLetterCounts(matching: filter) {
        print(ShownText.plain("\(count.count) × \(count.link) \(count.direction): \(count.code)"))
      }
      for letter in letters {
        print(ShownText.plain("\(letter.id)  \(letter.link) \(letter.direction) \(letter.keyText): \(letter.failure)"))
      }
    }
  }
}

struct LetterShow: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "One dead letter, with its change.")

  @OptionGroup var options: ConfigurationOptions
  @Argument(help: "The number of the letter.") var id: Int64
  @Flag(help: "Show the row. It may be personal data.") var values = false
  @Flag(help: "Print JSON.") var json = false

  func run() async throws {
    try await ExitStatus.reporting {
      let log = try await ChangeLog(path: try options.load().log, access: .reader)
      guard let letter = try await log.deadLetters(matching: LetterFilter(ids: [id]), limit: 1).first else {
        throw Failure(
          code: "letter.unknown", message: "there is no dead letter \(id); `tidemark dead-letters` lists them")
      }
      if json { return print(JSONValue.object(letter.whole(showsRow: values)).text) }
      for line in lines(letter) { print(ShownText.plain(line)) }
    }
  }

  private func lines(_ letter: DeadLetter) -> [String] {
    var lines = [
      "dead letter \(letter.id) of \(letter.link) \(letter.direction), sequence \(letter.sequence)",
      "record      \(letter.keyText)", "reason      \(letter.failure)", "given up    \(letter.diedAt.text)",
    ]
    if let change = letter.logged?.change {
      lines.append("change      \(change.operation) at \(change.endpoint)")
      if values { lines.append("row         \(String(decoding: change.row, as: UTF8.self))") }
    }
    lines.append("`tidemark help \(letter.failure.code)` says what the reason means")
    return lines
  }
}

struct LetterExport: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Every dead letter with its row, one JSON object a line, oldest first.",
    discussion: "The rows may be personal data.")

  @OptionGroup var options: ConfigurationOptions
  @Option(help: "Only those of this link.") var link: String?
  @Option(help: "Only those with this reason, such as http.422.") var code: String?

  func run() async throws {
    try await ExitStatus.reporting {
      let log = try await ChangeLog(path: try options.load().log, access: .reader)
      let filter = LetterFilter(link: link.map { LinkName($0) }, code: code)
      for letter in try await log.deadLetters(matching: filter, limit: .max).reversed() {
        print(letter.whole(showsRow: true).text)
      }
    }
  }
}
