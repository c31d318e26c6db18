import ArgumentParser
import Changes
import Config
import Log
import Replay
import Runtime
import Verify

struct Report: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Both sides of a link side by side, with what differs marked.",
    discussion: """
      EXAMPLES
        tidemark report customers
        tidemark report orders --different
        tidemark report orders --format csv > orders.csv
        tidemark report orders --format html > orders.html

      It holds the data of both systems, and of records that are referred to what tells them apart. It reads both sides as \
      they are now: what is on its way looks different.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Argument(help: "The link.") var link: String
  @Option(help: "table, csv, json (one object a line) or html.") var format = ReportFormat.table
  @Flag(help: "Only records that differ.") var different = false

  func run() async throws {
    try await ExitStatus.reporting {
      let assembly = try await Assembly(try options.load())
      let log = try await ChangeLog(path: assembly.configuration.log, access: .reader)
      for link in try assembly.links(named: [link]) {
        let sides = SideBySide(link, among: assembly.links, log: log)
        let output = ReportOutput(format, sides, title: "\(link.name): \(link.local.name) and \(link.remote.name)")
        output.begin()
        try await sides.run { row in
          if !different || !row.differing(of: sides.fields).isEmpty || row.remark != nil { output.show(row) }
        }
        output.end()
      }
    }
  }
}

enum ReportFormat: String, ExpressibleByArgument, CaseIterable { case table, csv, json, html }
