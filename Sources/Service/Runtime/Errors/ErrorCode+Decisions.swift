/// What can be wrong with rules that decide, and with what people decide.
extension ErrorCode {
  static let decisions = [
    Family(
      consequence: "Nothing is started with this file. A running service goes on as it was.",
      entries: [
        Entry(
          "config.budget", "A budget says neither how much nor for how long.",
          remedy: "Write `budget: 10GB` or `budget: { size: 10GB, age: 3d }`; see docs/budget.md."),
        Entry(
          "config.guard", "What a link may delete or overwrite is neither a share nor a number.",
          remedy: "Write `guard: { deletes: 20%, overwrites: 500, within: 1h }`; see docs/before-it-is-sent.md."),
        Entry(
          "config.constants", "A constant has no place: its field is that of a column, or the link sends nothing.",
          remedy: "Take it out, or the column."),
        Entry(
          "config.round-trip", "A rule for values does not lead back to where it started.",
          remedy: "The message shows two values that would become one: tell them apart, or let the link only push."),
      ]),
    Family(
      consequence: "Nothing was written and nothing was decided.",
      entries: [
        Entry(
          "usage.conflict", "There is no such conflict, or it cannot be decided like this.",
          remedy: "`tidemark conflicts --open` lists them."),
        Entry(
          "conflict.decided", "The conflict was decided before.",
          remedy: "Take that back with `tidemark conflicts undo` first."),
        Entry(
          "conflict.undecided", "The conflict was not decided by a person.", remedy: "There is nothing to undo."),
        Entry(
          "conflict.moved", "A side holds something else by now.",
          remedy: "Look at the conflict once more: it was met again with the values of now."),
        Entry(
          "conflict.record", "The conflict was about a whole record, which cannot be undone.",
          remedy: "Make the record again, or delete it."),
      ]),
  ]
}
