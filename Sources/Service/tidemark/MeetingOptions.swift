import ArgumentParser
import Reconcile

/// The options of `backfill --match`.
struct MeetingOptions: ParsableArguments {
  @Flag(help: "Look which records of both sides belong together and in what they differ. Writes nothing without --yes.")
  var match = false
  @Option(
    help: """
      Who wins in what differs: database, application, newest, fill-empty or manual; where it is not given, what the link's \
      configuration says.
      """) var policy: FirstContact?
  @Flag(help: "Bring them together.") var yes = false
  @Flag(help: "Do it even if one side is empty, or if no record pairs up.") var allowCreates = false

  func validate(hasSelection: Bool) throws {
    guard match else {
      guard policy == nil, !yes, !allowCreates else {
        throw ValidationError("--policy, --yes and --allow-creates belong to --match")
      }
      return
    }
    if hasSelection { throw ValidationError("--match reads both sides whole: no --from, --where, --since or --keys") }
  }
}

extension FirstContact: ExpressibleByArgument {}
