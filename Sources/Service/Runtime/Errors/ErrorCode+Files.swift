/// What can be wrong with files, feeds and receivers of webhooks, and with when they are looked at.
extension ErrorCode {
  static let files = [
    Family(
      consequence: "Nothing is started with this file. A running service goes on as it was.",
      entries: [
        Entry(
          "config.schedule", "A time to pull or to verify is no schedule.",
          remedy:
            "Write `every: 5m`, hourly, \"daily 02:00\", \"weekly mon 02:00\" or a cron line; see docs/configuration.md."
        ),
        Entry("connector.objects", "The connector names no files.", remedy: "Add `objects`; see docs/files.md."),
        Entry(
          "files.format", "What a file is in is not known, or a setting belongs to another format.",
          remedy: "Add `format`."),
        Entry("files.path", "A server has no patterns of paths.", remedy: "Name the file."),
        Entry("files.id", "The fields that tell records apart are not named.", remedy: "Name at least one under `id`."),
        Entry("files.csv", "The settings of a CSV file contradict each other.", remedy: "See docs/files.md."),
        Entry(
          "files.items", "Where in the document the records are is not told.",
          remedy: "Add `items: catalog/product` for XML, a dotted path for JSON."),
        Entry("files.encoding", "There is no such encoding.", remedy: "Use a name that `iconv --list` shows."),
        Entry("files.create", "Such a place cannot be written.", remedy: "Take `create` out."),
        Entry("files.deletes", "A share is not written as one.", remedy: "Write it as 20%."),
        Entry("webhooks.path", "The path of a receiver is none.", remedy: "Let it start with / and have no query."),
        Entry(
          "webhooks.format", "A setting belongs to CloudEvents.", remedy: "Take it out, or use `format: cloudevents`."),
      ]),
    Family(
      consequence: "Nothing is told of the file and nothing is deleted; changes for it wait. It is tried again.",
      entries: [
        Entry("file.missing", "The file is not there.", remedy: "Put it back, or say `create: true`; it is noticed."),
        Entry("file.unreadable", "The file or a folder of it cannot be read.", remedy: "Check its rights."),
        Entry(
          "file.busy", "Somebody else keeps writing the file.",
          remedy: "Let that program write under another name and rename it when it is whole."),
        Entry(
          "file.content", "What is in the file is not what it is said to be, or it is torn.",
          remedy: "The message says where; correct the file, or how it is described."),
        Entry(
          "file.copy", "The temporary copy of its records cannot be made.", remedy: "Make room for temporary files."),
        Entry(
          "file.unwritable", "The file cannot be written.", remedy: "Check the rights of its folder, and the disk."),
        Entry("file.write", "Writing the file failed.", remedy: "The message says why."),
      ]),
    Family(
      consequence: "The change becomes a dead letter; the rest goes on.",
      entries: [
        Entry("file.read-only", "Feeds, patterns and URLs are only read.", remedy: "Use `direction: pull`."),
        Entry(
          "file.layout", "Written again, the file would lose something.",
          remedy: "The message says what; pull from it only, or let it be written more simply."),
        Entry(
          "file.value", "The format cannot hold a value, or an id would change.",
          remedy: "Put the value right, then retry."),
        Entry(
          "file.columns", "A file without a header has no place for another column.", remedy: "Add it under `columns`."),
        Entry("file.key", "A record with several ids came without them.", remedy: "Link the fields that `id` names."),
        Entry(
          "file.absent", "The record has left the feed, so what it is now cannot be told.",
          remedy: "Drop the dead letter, if there is one."),
        Entry("file.position", "A position belongs to another file.", remedy: "Backfill the link."),
        Entry(
          "webhooks.write-only", "What a receiver of webhooks holds cannot be read.",
          remedy: "Leave its link out of `verify`."),
        Entry(
          "webhooks.send", "A request got no outcome.", then: "It is sent again.",
          remedy: "Nothing; report it if it lasts."),
      ]),
  ]
}
