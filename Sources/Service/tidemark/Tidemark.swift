import ArgumentParser
import Runtime
import YAML

@main
struct Tidemark: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tidemark",
    abstract: "Keeps the tables of a database in step, both ways, with the applications of a business.",
    discussion: """
      EXAMPLES
        tidemark init sqlite:shop.db   write a first configuration
        tidemark check                 look for everything that stands in the way
        tidemark attach --dry-run      print the SQL that attach would run
        tidemark attach && tidemark run
        tidemark status --watch        how far everything is
        tidemark pause customers       let a link rest; `resume` lets it go on
        tidemark dead-letters retry 7  try again what was given up
        tidemark reload                read the configuration again
        tidemark help http.422         what the code of an error means
        tidemark repair                mend capture that was interrupted
        tidemark explain customers 42  why a record is where it is
        tidemark log --follow          what goes through
        tidemark plan                  what would be sent for what is pending
        tidemark approve customers     many deletes at once are meant
        tidemark verify --repair       what differs, and what would make it equal
        tidemark detach                remove every trace

      EXIT STATUS
        0 done, 1 failed, 3 differences or work found, 64 usage, 69 unavailable,
        75 try again, 77 permission, 78 configuration, 130 interrupted

      Nothing ever asks a question, and nothing is coloured.
      """,
    version: tidemarkVersion,
    subcommands: [
      Init.self, Check.self, Attach.self, Repair.self, Detach.self, Run.self, Status.self, BackfillCommand.self,
      VerifyCommand.self, ReplayCommand.self, LogCommand.self, Explain.self, PlanCommand.self,
      Approve.self, Conflicts.self, DeadLetters.self, ConnectorsCommand.self, Pause.self, Resume.self, Reload.self,
      Report.self,
      Doctor.self, SandboxCommand.self,
    ])

  static func main() async {
    let arguments = Array(CommandLine.arguments.dropFirst())
    if arguments == ["help", "manual"], let text = try? Manual.text() { return print(text, terminator: "") }
    if let text = HelpTopic(arguments)?.text ?? HelpTopic.list(arguments) { return print(text) }
    if let mistyped = HelpTopic.unknown(arguments) ?? mistyped(arguments.first) {
      printError(mistyped)
      exit(withError: ExitCode.validationFailure)
    }
    await main(nil)
  }

  /// What is said of a first word that is no command; nil where it is one, or an option.
  private static func mistyped(_ word: String?) -> String? {
    let commands =
      configuration.subcommands.flatMap { [$0._commandName] + $0.configuration.aliases } + ["help"]
    guard let word, !word.hasPrefix("-"), !commands.contains(word) else { return nil }
    let guess = nearest(to: word, among: commands).map { "did you mean `tidemark \($0)`?" }
    return "tidemark: there is no command '\(word)': " + (guess ?? "`tidemark --help` lists those there are")
  }
}
