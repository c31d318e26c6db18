import ArgumentParser
import Changes
import Config
import JSON
import Log
import Runtime

struct DeadLetters: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dead-letters", abstract: "List the changes that delivery gave up on, each with its reason.")

  @OptionGroup var options: ConfigurationOptions
  @Option(help: "At most this many, the newest.") var limit = 100
  @Flag(help: "Print JSON.") var json = false

  func run() async throws {
    try await ExitStatus.reporting {
      let log = try await ChangeLog(path: try options.load().log, access: .reader)
      let letters = try await log.deadLetters(limit: limit)
      if json { return print(JSONValue.array(letters.map(\.json)).text) }
      if letters.isEmpty { print("no dead letters") }
      for letter in letters { print("\(letter.link) \(letter.direction) \(letter.keyText): \(letter.failure)") }
    }
  }
}

extension DeadLetter {
  fileprivate var json: JSONValue {
    [
      "id": .integer(id), "link": .string(link.description), "direction": .string(direction.description),
      "key": .string(keyText), "sequence": .integer(sequence.number), "code": .string(failure.code),
      "message": .string(failure.message),
    ]
  }
}
