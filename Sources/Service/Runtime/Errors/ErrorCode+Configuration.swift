/// What can be wrong with `tidemark.yaml`, with a manifest, and with what a command was asked.
extension ErrorCode {
  static let configuration = [
    Family(
      consequence: "Nothing is started with this file. A running service goes on as it was.",
      entries: [
        Entry(
          "yaml.syntax", "The file is not YAML.", remedy: "Look at the line and column; often an indent or a quote."),
        Entry(
          "yaml.type", "A mapping, list or text was expected.", remedy: "Write what the message says was expected."),
        Entry(
          "yaml.value", "A value is not one of those that are possible.", remedy: "Use one that the message lists."),
        Entry(
          "yaml.unknown-key", "Tidemark knows no such key.",
          remedy: "Correct its spelling; docs/configuration.md lists every key. Unknown keys are never ignored."),
        Entry("yaml.missing-key", "A key that has to be there is not.", remedy: "Add it; the message has an example."),
        Entry("yaml.duplicate-key", "A key is written twice.", remedy: "Remove one of the two."),
        Entry("yaml.anchor", "Anchors and aliases are not read.", remedy: "Write the value out where it is used."),
        Entry("yaml.tag", "Tags (`!…`) are not read.", remedy: "Remove the tag."),
        Entry(
          "yaml.size", "The file is larger or deeper than any configuration.",
          remedy: "Look whether it is the right file."),
        Entry(
          "yaml.file", "The file cannot be read.",
          remedy: "Check its path and its rights, or name another with --config."),
        Entry(
          "config.capture", "The way to capture does not fit the database or the other settings.",
          remedy: "Use one the message names; docs/capture-wal.md, -trigger.md and -poll.md compare them."),
        Entry(
          "config.poll", "How a table is polled is not told, or not consistent.", remedy: "See docs/capture-poll.md."),
        Entry(
          "config.columns", "The columns that are told and those that are not contradict each other.",
          remedy: "Keep one of the two."),
        Entry(
          "config.dropped-column", "A link maps a column that is not told.",
          remedy: "Add it to `columns`, or take it out of the link's fields."),
        Entry(
          "config.masked-column", "A link is matched by a masked column, or writes into one.",
          remedy: "Match by another one, or do not mask it."),
        Entry("config.mask", "There is no such mask.", remedy: "Use one that the message lists."),
        Entry("config.mask-key", "A mask that hashes needs a key.", remedy: "Set `mask_key: \"${env:NAME}\"`."),
        Entry(
          "config.where", "The condition of a table cannot be read.", remedy: "See docs/choosing-columns-and-rows.md."),
        Entry("config.conflict", "A conflict policy is not possible here.", remedy: "Use one the message lists."),
        Entry(
          "config.connector-url", "The address of a connector is no plain URL.",
          remedy: "Begin with https:// and put credentials under auth."),
        Entry(
          "config.database-url", "The address of a database is none.", remedy: "Write postgres://… or sqlite:path."),
        Entry(
          "config.cycle", "Links refer to each other in a circle.",
          remedy: "Take one reference out: no record could ever be first."),
        Entry(
          "config.endpoint", "A table or object is not named as system.name.", remedy: "For example shop.customers."),
        Entry(
          "config.environment", "An environment variable is not set or empty.",
          remedy: "Set it where Tidemark starts, for example in the unit's EnvironmentFile."),
        Entry(
          "config.field", "A field is mapped in a way that cannot be.",
          remedy: "Write `column: field` or `column: { field: … }`."),
        Entry("config.fields", "A link has no fields, or one twice.", remedy: "List each column once."),
        Entry(
          "config.file", "A file that a secret refers to cannot be read or is empty.",
          remedy: "Check its path and rights; it is relative to the configuration."),
        Entry(
          "config.command", "A command that a secret refers to failed.",
          remedy: "Run it by hand as the user of the service; its errors are not repeated here."),
        Entry(
          "config.id-column", "The column for the application's id is a linked field, or cannot be one.",
          remedy: "Name a column of its own."),
        Entry(
          "config.key", "The fields by which records find each other are not linked.",
          remedy: "Name linked columns under `key`."),
        Entry(
          "config.listen", "The address to listen at is none, or can be reached from outside without a token.",
          remedy: "Use 127.0.0.1, or set http.token."),
        Entry("config.log", "The log cannot stand there.", remedy: "Give a file path."),
        Entry(
          "config.name", "A name has letters it may not have, or names two things.",
          remedy: "Use letters, digits, _ and -."),
        Entry("config.pull", "How often to pull is not told properly.", remedy: "For example `pull: { every: 5m }`."),
        Entry(
          "config.reference", "A reference is not closed, of an unknown kind, or leads nowhere.",
          remedy: "Write ${env:NAME}, ${file:path} or ${command:program}; name a link that is there."),
        Entry(
          "config.secret", "A secret stands in the file itself.",
          remedy:
            "Move it to the environment or a file, write ${env:NAME} or ${file:path}, and change the secret: it was in a file that others may have read."
        ),
        Entry("config.twin", "Two links pair the same table and object.", remedy: "Join them into one."),
        Entry(
          "config.unknown-*", "A name leads to nothing in the file.",
          remedy: "Correct it; the message says which one is near."),
        Entry(
          "manifest.*", "A manifest does not describe an application completely or consistently.",
          remedy: "See docs/manifests.md at the key the message names."),
        Entry(
          "reload.restart", "The log's path or the address of the server is different.",
          remedy: "Restart the service to change those."),
        Entry(
          "reload.unserved", "Only a running service reads its configuration again.",
          remedy: "Start it: `tidemark run`."),
      ]),
    Family(
      consequence: "The command did nothing.",
      entries: [
        Entry("usage.keys", "The file of keys cannot be read.", remedy: "One key a line."),
        Entry("usage.exists", "A file is there already.", remedy: "Name another one, or move it away."),
        Entry("usage.table", "There is no such table.", remedy: "Use one that the message lists."),
        Entry(
          "usage.policy", "A one-way link has nothing to decide.", remedy: "Leave out --policy: its source is right."),
        Entry(
          "meeting.creates", "The first meeting of two sides would make an unusual share of the records anew.",
          remedy: "Look at the address and the key of the link first; --allow-creates if it is meant."),
        Entry(
          "link.unknown", "There is no link of that name.",
          remedy: "Use one the message lists. A link that is new in the file takes `tidemark reload`."),
        Entry("link.direction", "The link does not carry anything that way.", remedy: "Look at its `direction`."),
        Entry("link.paused", "The link is paused.", remedy: "`tidemark resume LINK` first."),
        Entry("service.absent", "No service runs that could do it.", remedy: "`tidemark run`"),
        Entry(
          "api.parameter", "A parameter of the address is not what it should be.", remedy: "See /api/v1/openapi.json."),
        Entry("api.body", "The body is too long, or no JSON object.", remedy: "See /api/v1/openapi.json."),
        Entry(
          "request.unknown", "There is no such request; ended ones are forgotten after a day.",
          remedy: "Look at the status."),
        Entry(
          "request.failed", "The service could not do what was asked.",
          remedy: "The message says why; the service's output says more."),
        Entry(
          "request.unanswered", "The service has not answered in time.",
          then: "What was asked is done when the service can.", remedy: "Look at `tidemark status`."),
        Entry(
          "conflict.unknown", "There is no such conflict.", remedy: "`tidemark conflicts` lists those there are."),
        Entry(
          "letter.unknown", "There is no such dead letter.",
          remedy: "`tidemark dead-letters` lists them; somebody may have retried or dropped it."),
        Entry(
          "letter.empty", "The dead letter holds no change: the log was damaged there.",
          remedy: "Drop it, and verify the link."),
        Entry(
          "letter.gone", "The record does not exist at its source any more.",
          remedy: "Retry the letter (the delete is then delivered), or drop it."),
        Entry("letter.busy", "The record changed at the same moment, or its end gave no answer.", remedy: "Try again."),
        Entry(
          "repair.deletes", "A repair would delete an unusual share of the records.",
          remedy: "Look at them first; --allow-deletes if it is meant."),
        Entry(
          "repair.direction", "A one-way link cannot be repaired from that side.",
          remedy: "Prefer the side it comes from."),
        Entry(
          "log.trimmed", "The log does not reach back so far.",
          remedy: "Backfill instead, or keep more: `log: { keep: 30d }`."),
        Entry("backfill.unknown", "There is no backfill of that number.", remedy: "`tidemark backfill list`"),
        Entry("backfill.ended", "The backfill has ended.", remedy: "Ask for a new one."),
        Entry(
          "backfill.where", "The condition cannot be read, or not at this end.",
          remedy: "Correct --where; it is SQL at a database, and not possible at every application."),
        Entry("backfill.since", "The end cannot tell what changed since.", remedy: "Use --where or --keys."),
        Entry(
          "backfill.index", "The condition would read the whole table without an index.",
          remedy: "Make an index, or say so as the message tells."),
        Entry("backfill.selection", "What is to be read cannot be read so.", remedy: "See docs/backfill.md."),
      ]),
  ]
}
