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
        tidemark check                 look for everything that stands in the way
        tidemark attach --dry-run      print the SQL that attach would run
        tidemark attach && tidemark run
        tidemark status                how far everything is
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
      """,
    version: tidemarkVersion,
    subcommands: [
      Check.self, Attach.self, Repair.self, Detach.self, Run.self, Status.self, BackfillCommand.self,
      VerifyCommand.self, ReplayCommand.self, LogCommand.self, Explain.self, PlanCommand.self, Approve.self,
      Conflicts.self, DeadLetters.self, SandboxCommand.self,
    ])

  static func main() async {
    if let mistyped = mistyped(CommandLine.arguments.dropFirst().first) {
      printError(mistyped)
      exit(withError: ExitCode.validationFailure)
    }
    await main(nil)
  }

  /// What is said of a first word that is no command; nil where it is one, or an option.
  private static func mistyped(_ word: String?) -> String? {
    let commands = configuration.subcommands.map { $0._commandName } + ["help"]
    guard let word, !word.hasPrefix("-"), !commands.contains(word) else { return nil }
    let guess = nearest(to: word, among: commands).map { "did you mean `tidemark \($0)`?" }
    return "tidemark: there is no command '\(word)': " + (guess ?? "`tidemark --help` lists those there are")
  }
}
