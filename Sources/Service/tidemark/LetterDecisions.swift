import ArgumentParser
import Changes
import Config
import JSON
import Log
import Logging
import Runtime

struct LetterRetry: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retry", abstract: "Try dead letters again. Ends with 3 if some were given up again.",
    discussion: "Sent is what the record holds now, after all its later changes.")

  @OptionGroup var options: ConfigurationOptions
  @OptionGroup var selection: LetterSelection
  @Option(help: "Seconds to wait while nothing moves on.") var patience = 30.0

  func run() async throws {
    try await ExitStatus.reporting {
      let configuration = try options.load()
      let log = try await ChangeLog(path: configuration.log, access: .reader)
      let letters = try await selection.letters(log)
      guard !letters.isEmpty else { return print("no dead letters") }
      try await retry(letters, try await Assembly(configuration), patience: .seconds(patience))
    }
  }
}

struct LetterEdit: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "edit", abstract: "Put a record right at the side its change came from, and try the letter again.",
    discussion: """
      Both sides hold what you set afterwards. A value is JSON where it can be read as such, otherwise text: \
      --set limit=5 --set 'phone="5"' --set city=Faro.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Argument(help: "The number of the letter.") var id: Int64
  @Option(
    help: ArgumentHelp("A field in the names of that side, and its new value.", valueName: "field=value"),
    transform: FieldSetting.init)
  var set: [FieldSetting]
  @Option(help: "Seconds to wait while nothing moves on.") var patience = 30.0

  func run() async throws {
    try await ExitStatus.reporting {
      let configuration = try options.load()
      let log = try await ChangeLog(path: configuration.log, access: .reader)
      let letters = try await log.deadLetters(matching: LetterFilter(ids: [id]), limit: 1)
      guard let letter = letters.first else {
        throw Failure(
          code: "letter.unknown", message: "there is no dead letter \(id); `tidemark dead-letters` lists them")
      }
      let assembly = try await Assembly(configuration)
      try await LetterDesk(assembly).edit(letter, JSONObject(set.map { ($0.field, $0.value) }))
      try await retry(letters, assembly, patience: .seconds(patience))
    }
  }
}

struct LetterDrop: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drop", abstract: "Take dead letters off the list for good: their changes will not be delivered.",
    discussion: "The sides stay different in what was not delivered, until the record changes again.")

  @OptionGroup var options: ConfigurationOptions
  @OptionGroup var selection: LetterSelection

  func run() async throws {
    try await ExitStatus.reporting {
      let log = try await ChangeLog(path: try options.load().log, access: .reader)
      let count = try await log.dropDeadLetters(try await selection.letters(log).map(\.id))
      print("\(count) dead letters dropped")
    }
  }
}

/// `city=Faro`.
struct FieldSetting {
  let field: String
  let value: JSONValue

  init(_ text: String) throws {
    guard let mark = text.firstIndex(of: "="), mark > text.startIndex else {
      throw ValidationError("'\(text)' sets nothing: expected field=value")
    }
    field = String(text[..<mark])
    let written = String(text[text.index(after: mark)...])
    value = (try? JSONValue(parsing: written)) ?? .string(written)
  }
}

private func retry(_ letters: [DeadLetter], _ assembly: Assembly, patience: Duration) async throws {
  var logger = Logger(label: "tidemark")
  logger.logLevel = .critical
  var status: ExitCode?
  for result in try await LetterDesk(assembly).retry(letters, patience: patience, logger: logger) {
    let again = result.givenUpAgain ?? 0
    let rest =
      result.givenUpAgain == nil
      ? "; they are in the log and go out with the service" : again > 0 ? ", \(again) given up again" : ""
    print("\(result.link): \(result.changes) tried again\(rest)")
    if result.givenUpAgain == nil { status = status ?? ExitStatus.tryAgain }
    if again > 0 { status = ExitStatus.differences }
  }
  if let status { throw status }
}
