import ArgumentParser

struct BackfillCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backfill", abstract: "Read what a side of a link holds; what differs travels like any other change.",
    discussion: """
      With a service running it is a request that the service carries out beside live changes, without locks; this command \
      shows how far it is. Without one the command does the work itself. Ctrl-C and kill -9 lose nothing: it goes on \
      where it was, and a row never overwrites a newer change.

      EXAMPLES
        tidemark backfill customers
        tidemark backfill customers --where "country = 'PT'" --rate 500/s
        tidemark backfill customers --from application --since 7d
        tidemark backfill orders --keys ids.txt --dry-run
        tidemark backfill list
      """,
    subcommands: [
      BackfillStart.self, BackfillList.self, BackfillPause.self, BackfillResume.self, BackfillCancel.self,
    ],
    defaultSubcommand: BackfillStart.self)
}
