/// What can happen to a change on its way.
extension ErrorCode {
  static let way = [
    Family(
      consequence: "The change waits, and later changes of its record stand behind it. Other records go on.",
      entries: [
        Entry(
          "replay.waits", "The record refers to one that is not known at both sides yet.",
          remedy: "Nothing if that one is on its way; else `tidemark explain` it, or backfill its link."),
        Entry(
          "replay.behind", "An earlier change of the same record waits.",
          remedy: "Look at that one: `tidemark explain LINK KEY`."),
        Entry(
          "replay.restless", "The record kept changing at the target.", remedy: "Nothing: it is tried again later."),
        Entry(
          "replay.unanswered", "The target gave no answer to a write.",
          remedy: "Nothing: what happened is looked up before anything is repeated."),
        Entry(
          "replay.unsettled", "Tidemark made the record and was interrupted before that was settled.",
          remedy: "Nothing: it is settled first."),
      ]),
    Family(
      consequence: "The change is a dead letter: it is kept whole and not delivered before somebody decides.",
      entries: [
        Entry(
          "replay.ambiguous", "More than one record of the other side has the same key fields.",
          remedy: "Make them differ or remove one, then retry the letter."),
        Entry(
          "replay.taken", "The record it belongs to is linked to another one.",
          remedy: "Two records of one side cannot share one of the other: make their key fields differ."),
        Entry(
          "replay.truncate", "The table was truncated; the other side was left alone.",
          remedy: "Delete there if it was meant, or backfill from there if it was not; then drop the letter."),
        Entry(
          "mapping", "A value cannot become what the other side's field is.",
          remedy: "Put the value right, or change `as` of the field; then retry."),
        Entry("record.key", "The record lacks its key.", remedy: "Look at the record at its source."),
        Entry(
          "row.json", "The row of the change cannot be read.",
          remedy: "`tidemark backfill LINK --keys …` reads the record again; then drop the letter."),
        Entry(
          "log.damaged", "A part of the log does not match its checksum.",
          remedy: "Check the disk. `tidemark verify` finds what was in it, `--repair` mends it; then drop the letter."),
        Entry(
          "letter.retried", "Somebody had the dead letter tried again.", then: "It travels once more.",
          remedy: "Nothing."),
        Entry(
          "letter.dropped", "Somebody dropped the dead letter.", then: "The change was not delivered.",
          remedy: "`tidemark verify` finds what differs."),
      ]),
    Family(
      consequence: "The backfill rests or has failed. What it read is in the log and is delivered.",
      entries: [
        Entry(
          "backfill.gone", "The search for deleted records could not be finished.",
          remedy: "The message says why; resume the backfill."),
        Entry(
          "backfill.parts", "The table cannot be read in parts any more.",
          remedy: "Ask for a backfill without --parallel."),
        Entry("backfill.place", "Where the backfill was cannot be found again.", remedy: "Ask for a new one."),
      ]),
  ]
}
