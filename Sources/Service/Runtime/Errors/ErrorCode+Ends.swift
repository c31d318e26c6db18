/// What databases and applications answer, and what cannot be done with them.
extension ErrorCode {
  static let ends = [
    Family(
      consequence: "Nothing starts, or the link stands still, until it is put right. Nothing is lost: changes wait.",
      entries: [
        Entry(
          "database.unattached", "Capture is not installed on all captured tables.",
          remedy: "`tidemark attach --dry-run` shows the SQL, `tidemark attach` runs it."),
        Entry(
          "database.pooler", "A pooler stands in between that cannot do what capture needs.",
          remedy: "Give the database's own address, or a pooler in session mode."),
        Entry("table.missing", "The table is not there.", remedy: "Put it back, or take its link out."),
        Entry(
          "table.kind", "It is no table that can be captured this way.", remedy: "Poll it; see docs/capture-poll.md."),
        Entry(
          "table.key", "Its key is not what it was, or cannot identify a row.",
          remedy: "Give it a primary key, then `tidemark attach`."),
        Entry(
          "table.no-key", "It has no primary key and no unique index that could be one.",
          remedy: "Give it one; without a key two rows cannot be told apart."),
        Entry(
          "table.no-column", "It lacks a column that is named.", remedy: "Put it back, or change the configuration."),
        Entry(
          "table.no-triggers", "No trigger can be made on it.", remedy: "Poll it, or capture from the write-ahead log."),
        Entry(
          "table.identity", "Its replica identity does not hold the key.",
          remedy: "`ALTER TABLE … REPLICA IDENTITY DEFAULT` or USING INDEX."),
        Entry("table.twice", "It is named twice.", remedy: "Name it once."),
        Entry(
          "link.column", "A linked column is not in the table.",
          remedy: "Put it back, or change the link and `tidemark reload`."),
        Entry("capture.newer", "A newer Tidemark installed capture there.", remedy: "Use that version or a newer one."),
        Entry(
          "capture.behind", "Capture did not come so far in time.", remedy: "`tidemark status` says what it waits for."),
        Entry(
          "wal.key", "A change came without its key.", remedy: "Give the table a primary key, then `tidemark repair`."),
        Entry(
          "outbox.operation", "The outbox holds something that Tidemark did not write.",
          remedy: "`tidemark repair`; find out who writes to the outbox."),
        Entry(
          "poll.deletes", "A sweep found an unusual share of the rows gone.",
          then: "Nothing is deleted at the other side before somebody decides.",
          remedy: "`tidemark approve TABLE` if it is meant."),
        Entry(
          "poll.key", "A polled row has no usable key.", remedy: "Name key columns that are unique and never NULL."),
        Entry("connector.url", "The connector has no address.", remedy: "Give it a `url`."),
        Entry(
          "connector.auth", "Credentials that the manifest asks for are not given.", remedy: "Add them under `auth`."),
        Entry(
          "connector.setting", "The connector does not say what the manifest asks for under `settings`.",
          remedy: "Add the key to the connector; `tidemark connectors show NAME` lists them."),
        Entry(
          "connector.private-key", "A credential is no private key in PEM.",
          remedy: "Give the file the application offered, with its first and last line."),
        Entry(
          "connector.token-file", "A new refresh token could not be kept.",
          then: "Nothing is sent; the old token may be good for one use only.",
          remedy: "Let the service write to `.tidemark/tokens` beside the configuration."),
        Entry(
          "connector.unknown", "The configuration has no such connector.", remedy: "Use one the message lists."),
        Entry(
          "connector.manifest", "There is no such manifest.",
          remedy: "Use one the message lists, or the path of a file."),
        Entry("connector.object", "The manifest describes no such object.", remedy: "Use one the message lists."),
        Entry(
          "connector.action", "The manifest says nothing about how to do that.",
          then: "The change becomes a dead letter.",
          remedy: "Add the action to the manifest, then retry the dead letters."),
        Entry(
          "connector.find", "The object cannot be looked up by fields.",
          remedy: "Describe a search in the manifest, or link by id."),
        Entry("connector.read", "The object cannot be read by id.", remedy: "Describe how in the manifest."),
        Entry(
          "connector.paging", "Listing did not move on: the next page is the same again.",
          remedy: "Correct `paging` in the manifest."),
        Entry(
          "connector.next-link", "The link to the next page leads elsewhere.",
          remedy: "It is not followed: credentials would go along. Look at the manifest's address."),
        Entry("connector.position", "A position belongs to another object.", remedy: "Backfill the link."),
        Entry(
          "connector.answer", "The application's answer is not what the manifest describes.",
          remedy: "Compare the manifest with the application's documentation."),
        Entry(
          "connector.apply", "A write got no outcome.", then: "It is looked up before anything is repeated.",
          remedy: "Nothing; report it if it lasts."),
        Entry(
          "connector.id", "An id cannot be part of a path.", then: "The change becomes a dead letter.",
          remedy: "Look at the record at the application."),
        Entry(
          "connector.key", "A write needs an id that is not known.", then: "The change becomes a dead letter.",
          remedy: "Backfill the link, then retry."),
      ]),
    Family(
      consequence:
        "While the end is down changes wait and are tried again; a change that is refused for good becomes a dead letter.",
      entries: [
        Entry(
          "http.401", "The application refused the credentials.",
          remedy: "Renew them where the configuration refers to them, then `tidemark reload`."),
        Entry(
          "http.403", "The credentials may not do this.", remedy: "Give the token the right, then `tidemark reload`."),
        Entry(
          "http.404", "The record is not there.",
          remedy: "Look whether somebody deleted it; `tidemark explain LINK KEY`."),
        Entry(
          "http.409", "The application holds something that contradicts the write.",
          remedy: "Often a record with the same unique value: make one of them differ, then retry."),
        Entry(
          "http.422", "The application refused a value.",
          remedy: "`tidemark dead-letters show ID`; put the value right with `edit`, or at either side."),
        Entry(
          "http.429", "The application asked to slow down.",
          remedy: "Nothing: `Retry-After` is kept. Raise its limit if this lasts."),
        Entry(
          "http.exposed", "The server would be open to the network without a token.",
          then: "The service does not start.", remedy: "Set `http.token`, or listen on 127.0.0.1."),
        Entry(
          "http.*", "The application answered with this status, or did not answer: `timeout`, `connection` and so on.",
          remedy:
            "Statuses from 500 on are the application's trouble: look at its own log. Others: compare the manifest with its documentation."
        ),
        Entry("sql.42501", "The role may not do this.", remedy: "`tidemark check` prints the rights that are missing."),
        Entry("sql.42P01", "There is no such table.", remedy: "Put it back, or take its link out."),
        Entry(
          "sql.suppressed", "A trigger or rule of the database took the write back.",
          then: "The change becomes a dead letter.", remedy: "Look at the table's own triggers."),
        Entry(
          "sql.*", "The database refused it with this SQLSTATE.",
          remedy:
            "Look it up in the database's manual (\"PostgreSQL Error Codes\"); classes 22 and 23 are about the value, 42 about the schema, 53 and 57 about the server."
        ),
        Entry("sqlite.missing", "There is no such SQLite file.", remedy: "Correct its path."),
        Entry(
          "sqlite.busy", "Another program holds the SQLite file for long.",
          remedy: "Let that program commit; Tidemark tries again."),
        Entry(
          "sqlite.open", "The SQLite file cannot be opened.",
          remedy: "Check its path and rights, also those of its folder."),
        Entry("sqlite.apply", "A write to SQLite failed.", remedy: "The message says why."),
        Entry(
          "sqlite.*", "SQLite refused it with this extended result code.",
          remedy: "Look it up under \"Result and Error Codes\"; 275 to 3091 are constraints of the table."),
        Entry(
          "unreachable", "An end cannot be reached.",
          remedy: "Start it; check the network. It is asked again at least every 15 seconds."),
        Entry(
          "internal", "The database failed in a way that says nothing about the change.",
          remedy: "Look at the database's own log."),
      ]),
    Family(
      consequence: "The link waits; nothing is given up.",
      entries: [
        Entry(
          "sql.table", "There is no such table, or several.", remedy: "Name it as the message shows, with its schema."),
        Entry("sql.no-column", "The table has no such column.", remedy: "Use one that the message lists."),
        Entry(
          "sql.no-key", "Nothing tells the table's rows apart.", remedy: "Name the columns under the object's `key`."),
        Entry("sql.name", "The driver cannot quote such a name.", remedy: "Give the table or column a plain name."),
        Entry(
          "sql.cursor", "Polling by the object's cursor does not move on.",
          remedy: "Name another column under the object's `changes`."),
        Entry(
          "sql.value", "A column cannot hold a value of that kind.", then: "The change becomes a dead letter.",
          remedy: "Convert the field with `as:`."),
        Entry(
          "sql.create", "A row cannot be made without its key.", then: "The change becomes a dead letter.",
          remedy: "Link a field to the key."),
        Entry(
          "sql.key", "A key has another number of values than the table's.", then: "The change becomes a dead letter.",
          remedy: "Correct the object's `key`."),
        Entry(
          "sql.read-only", "The object is only read.", then: "The change becomes a dead letter.",
          remedy: "Take `read_only` away, or let the link only pull."),
        Entry(
          "sql.apply", "A write failed in a way that is not known.", then: "It is tried again.",
          remedy: "See the log for the reason."),
        Entry(
          "soap.wsdl", "The service's WSDL cannot be used.", remedy: "Correct the manifest's `wsdl` and `soap`."),
        Entry("soap.operation", "The WSDL has no such operation.", remedy: "Use one that the message lists."),
        Entry(
          "soap.element", "A field is no element of the service's.", then: "The change becomes a dead letter.",
          remedy: "Correct the link's `fields`, or the manifest."),
        Entry(
          "soap.character", "A value holds a character that XML has not.", then: "The change becomes a dead letter.",
          remedy: "Take the character out of the value."),
        Entry(
          "soap.answer", "The answer is no SOAP.",
          then: "The link waits, and a write is looked up before anything is repeated.",
          remedy: "Check the connector's `url`; a proxy may have answered."),
        Entry(
          "soap.apply", "A write failed in a way that is not known.", then: "It is tried again.",
          remedy: "See the log for the reason."),
        Entry(
          "soap.*", "The service answered with a fault of this code.",
          then: "What follows is what the manifest's `faults` says of the code.",
          remedy: "See the service's own log for the reason."),
        Entry(
          "connector.mismatch", "The service takes a new record for another one.",
          then: "The change becomes a dead letter.", remedy: "Look for the record at the application."),
      ]),
  ]
}
