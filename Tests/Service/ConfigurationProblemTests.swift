import Config
import Foundation
import Testing
import YAML

/// Every mistake a file can hold, with exactly what a person reads about it.
struct ConfigurationProblemTests {
  private func problems(_ text: String) throws -> [String] {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString + ".yaml").path
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    do throws(Problems) {
      _ = try Configuration.load(path: path, environment: ["TOKEN": "x"])
      return []
    } catch {
      return error.all.map { String($0.description.dropFirst(path.count + 1)) }
    }
  }

  /// A right file around one more line at the top level (line 1), of database `shop` (4), of connector `crm` (7),
  /// of link `customers` (13), or after it (14).
  private func file(
    top: String = "# top", database: String = "# database", connector: String = "# connector", link: String = "# link",
    more: String = "# more"
  ) -> String {
    """
    \(top)
    databases:
      shop: { url: "sqlite:shop.db",
        \(database)
      }
    connectors:
      crm: { \(connector)
        use: sandbox }
    links:
      customers:
        table: shop.customers
        object: crm.contacts
        \(link)
        key: { email: email }
        fields: { name: name, email: email }
      \(more)
    """
  }

  @Test func `a right file has no problem`() throws {
    #expect(try problems(file()) == [])
  }

  @Test(arguments: [
    (
      "status: { field: Status, values: { new: 0, open: 0 } }",
      [
        #"15:48: "new" and "open" both become 0 at the object: it cannot be told which one comes back"#
          + " — give each its own value, or use direction: push"
      ]
    ),
    ("total: { field: Total, minor_units: 2 }", ["15:51: minor units are of a number — add as: decimal"]),
    ("total: { field: Total, as: decimal, minor_units: 2 }", []),
    ("status: { field: Status, values: { new: 0, open: 1 } }", []),
  ])
  func `a rule that has no way back is refused, with what it would mix up`(field: String, expected: [String]) throws {
    let fields = "fields: { name: name, email: email }"
    #expect(try problems(file().replacing(fields, with: "fields: { \(field), email: email }")) == expected)
  }

  @Test func `a budget is a number of bytes that something fits into`() throws {
    #expect(try problems(file(database: "budget: 10GB")) == [])
    #expect(try problems(file(database: "budget: { size: 10GB, age: 3d }")) == [])
    #expect(
      try problems(file(database: "budget: {}")) == ["4:13: a budget without a limit — budget: { size: 10GB, age: 3d }"]
    )
    #expect(
      try problems(file(database: "budget: 10 GiB"))
        == [#"4:13: expected a number of bytes like 500MB or 10GB, got "10 GiB""#])
    #expect(try problems(file(database: "budget: 5kB")) == [#"4:13: expected at least 1000000 bytes, got "5kB""#])
  }

  @Test func `an empty file is told what it needs`() throws {
    #expect(
      try problems("") == [
        #"1:1: missing key "connectors" — for example connectors: { crm: { use: sandbox } }"#,
        #"1:1: missing key "databases" — for example databases: { shop: { url: "sqlite:shop.db" } }"#,
        #"1:1: missing key "links" — a link pairs one table with one object"#,
      ])
  }

  @Test(arguments: [
    ("retention: 5m", [#"1:1: unknown key "retention" — known keys: log, http, databases, connectors, links"#]),
    ("htpp: {}", [#"1:1: unknown key "htpp" — did you mean "http"?"#]),
    (
      "log: postgres://h/log",
      ["1:6: a log in a database server is not available yet — give a file path such as .tidemark/log.db"]
    ),
    (
      #"http: { listen: "0.0.0.0:80" }"#,
      [
        #"1:17: 0.0.0.0:80 can be reached from other machines, so it needs a token"#
          + #" — add token: "${env:TIDEMARK_TOKEN}", or listen on 127.0.0.1"#
      ]
    ),
    (#"http: { listen: "127.evil.example:80", token: "${env:TOKEN}" }"#, []),
    (#"http: { listen: "[::1]:80" }"#, []),
    (
      #"http: { listen: localhost }"#,
      [
        #"1:17: expected host:port, got "localhost" — for example "127.0.0.1:8642""#
      ]
    ),
    (
      "http: { token: abc }",
      [
        "1:16: a secret cannot be written here itself — write ${env:NAME}, ${file:path} or ${command:program} and keep the secret there"
      ]
    ),
    (
      #"http: { token: "${env:NONE}" }"#,
      ["1:16: the environment variable NONE is not set — set it where Tidemark starts"]
    ),
    (#"http: { token: "${file:/nowhere/x}" }"#, ["1:16: the file /nowhere/x cannot be read"]),
    (
      #"http: { token: "${vault:x}" }"#,
      ["1:16: unknown kind of reference — write ${env:NAME}, ${file:path} or ${command:program}"]
    ),
    (#"http: { token: "${env:TOKEN" }"#, ["1:16: a reference lacks its closing brace — write ${env:NAME}"]),
    ("log: { path: a.db, keep: 3d, max_bytes: 10GB }", []),
    ("log: { keep: 3 }", [#"1:14: expected a duration like 250ms, 30s, 5m, 2h or 1d, got "3""#]),
    ("log: { max_bytes: 5kB }", [#"1:19: expected at least 1000000 bytes, got "5kB""#]),
    ("log: { keeps: 3d }", [#"1:8: unknown key "keeps" — did you mean "keep"?"#]),
  ])
  func `the top level is checked`(line: String, expected: [String]) throws {
    #expect(try problems(file(top: line)) == expected)
  }

  @Test(arguments: [
    ("capture: wall", [#"4:14: expected one of auto, wal, trigger, poll, got "wall" — did you mean "wal"?"#]),
    (
      "capture: wal",
      ["4:14: SQLite has no write-ahead log that others can decode — trigger or poll"]
    ),
    ("capture: { mode: poll, cursor: changed, every: 5s, overlap: 10s, sweep: 1h }", []),
    ("capture: { mode: trigger }", ["4:22: only polling has settings — capture: trigger"]),
    ("capture: { every: 5s }", [#"4:14: missing key "mode" — mode: poll"#]),
    (
      "capture: { mode: poll, sweep: 1h }",
      ["4:35: without a cursor every round reads the whole table — name a cursor, or use every alone"]
    ),
    ("capture: poll, tables: { customers: { cursor: changed, key: [id] } }", []),
    ("tables: { customers: { capture: poll, every: 5s } }", []),
    ("tables: { customers: { every: 5s } }", ["4:26: these settings are for polling — add capture: poll"]),
    (
      "tables: { customers: { capture: trigger } }",
      [
        "4:37: a table of its own can only be polled: the others share one order of changes"
          + " — capture: poll, or set capture of the database"
      ]
    ),
    (
      "tables: { custmers: { capture: poll } }",
      [#"4:15: no link names the table "custmers" of shop — did you mean "customers"?"#]
    ),
    (
      "tables: { customers: { capture: poll, cursr: changed } }",
      [#"4:43: unknown key "cursr" — did you mean "cursor"?"#]
    ),
    ("tables: { customers: { columns: [email, name], where: \"status <> 'draft'\" } }", []),
    (
      "tables: { customers: { columns: [id], except: [a], mask: {} } }",
      [
        "4:51: columns says already what is told — use one of columns and except"
      ]
    ),
    (
      "tables: { customers: { except: [phone, phone], mask: { phone: mask } } }",
      [
        #"4:44: "phone" is named twice"#, #"4:60: "phone" is dropped by except — name it once"#,
      ]
    ),
    (
      "tables: { customers: { columns: [id], mask: { phone: mask, id: drop } } }",
      [
        #"4:51: "phone" is not among columns, so nothing of it is told — take it out here"#,
        #"4:64: "id" is among columns — take it out there: that drops it"#,
      ]
    ),
    (
      "tables: { customers: { mask: { phone: hsh } } }",
      [
        #"4:43: expected one of hash, mask, drop, got "hsh" — did you mean "hash"?"#
      ]
    ),
    (
      "tables: { customers: { mask: { phone: hash } } }",
      [
        #"4:43: a hash needs a key, or everybody could try values out — add mask_key: "${env:NAME}" to the database"#
      ]
    ),
    (
      "mask_key: \"${env:TOKEN}\", tables: { customers: { mask: { phone: hash } } }",
      [
        "4:15: the key is shorter than 16 bytes: it could be found by trying"
          + " — for example the output of: openssl rand -hex 32"
      ]
    ),
    (
      "mask_key: abc",
      [
        "4:15: a secret cannot be written here itself — write ${env:NAME}, ${file:path} or ${command:program} and keep the secret there"
      ]
    ),
    (
      "tables: { customers: { where: \" \" } }",
      [
        "4:35: expected a condition in SQL — where: \"status <> 'draft'\""
      ]
    ),
    (
      "tables: { customers: { mask: { name: drop } } }",
      [
        #"4:36: link customers maps "name", which is dropped here — keep it, or take it out of the link's fields"#
      ]
    ),
    (
      "tables: { customers: { mask: { email: mask } } }",
      [
        #"4:36: link customers writes "email" back, so it cannot be masked — use direction: push, or take the mask away"#
      ]
    ),
    (
      "tables: { customers: { wher: x, every: 5s } }",
      [
        "4:26: these settings are for polling — add capture: poll",
        #"4:28: unknown key "wher" — did you mean "where"?"#,
      ]
    ),
    ("capture: { mode: poll, deletes: 50% }", []),
    (
      "capture: { mode: poll, deletes: half }",
      [#"4:37: expected a share like 20%, got "half" — from 0% to 100%"#]
    ),
    ("on_capture_failure: strict", []),
    (
      "on_capture_failure: lenient",
      [
        "4:25: SQLite keeps the change and the row in one file: neither fails without the other — leave it out"
      ]
    ),
    (
      "on_capture_failure: lenent",
      [#"4:25: expected one of strict, lenient, got "lenent" — did you mean "lenient"?"#]
    ),
    ("notify: true", ["4:13: SQLite notifies nobody: commits are noticed by the file — leave it out"]),
    ("notify: maybe", [#"4:13: expected true or false, got "maybe""#]),
    ("captur: auto", [#"4:5: unknown key "captur" — did you mean "capture"?"#]),
  ])
  func `a database is checked`(line: String, expected: [String]) throws {
    #expect(try problems(file(database: line)) == expected)
  }

  @Test(arguments: [
    ("capture: wal, notify: true", ["4:27: only triggers notify — capture: trigger, or leave it out"]),
    ("capture: poll, notify: true", ["4:28: only triggers notify — capture: trigger, or leave it out"]),
    ("capture: trigger, notify: true, on_capture_failure: lenient", []), ("notify: true", []), ("notify: false", []),
  ])
  func `a PostgreSQL database is checked`(line: String, expected: [String]) throws {
    let text = file(database: line).replacingOccurrences(of: "sqlite:shop.db", with: "postgres://h/shop")
    #expect(try problems(text) == expected)
  }

  @Test(arguments: [
    ("mysql://h/d", "expected a URL such as \"postgres://…\" or \"sqlite:path\""),
    ("sqlite:", "expected a file path after sqlite: — sqlite:shop.db or sqlite:/var/lib/shop.db"),
    ("sqlite://x", "expected a file path after sqlite: — sqlite:shop.db or sqlite:/var/lib/shop.db"),
    (
      "postgres://u:p@ss@h/d",
      "a password cannot be written here itself — write ${env:NAME} in its place, or use a password file (~/.pgpass)"
    ),
    (
      "postgres://u@h/d?password=hush",
      "a password cannot be written here itself — write ${env:NAME} in its place, or use a password file (~/.pgpass)"
    ),
    ("postgres://u:${env:NOPE}@h/d", "the environment variable NOPE is not set — set it where Tidemark starts"),
  ])
  func `a database's address is checked and not repeated`(url: String, expected: String) throws {
    let text = file().replacingOccurrences(of: "sqlite:shop.db", with: url)
    #expect(try problems(text) == ["3:16: \(expected)"])
  }

  @Test(arguments: [
    ("url: ftp://x,", ["7:15: expected a URL that starts with https://, http:// or odbc:"]),
    (
      "url: https://u@x,",
      ["7:15: expected a URL without user, query or fragment — credentials belong under auth"]
    ),
    (
      "auth: { key: abc },",
      [
        "7:23: a secret cannot be written here itself — write ${env:NAME}, ${file:path} or ${command:program} and keep the secret there"
      ]
    ),
    ("webhook: {},", [#"7:19: missing key "secret""#]),
  ])
  func `a connector is checked`(line: String, expected: [String]) throws {
    #expect(try problems(file(connector: line)) == expected)
  }

  @Test(arguments: [
    (
      "filter: x",
      [
        #"13:5: unknown key "filter" — known keys: table, object, direction, fields, key, id_column, conflict, constants, guard, pull, verify"#
      ]
    ),
    ("direction: bth", [#"13:16: expected one of both, push, pull, got "bth" — did you mean "both"?"#]),
    ("pull: { every: 5 }", [#"13:20: expected a duration like 250ms, 30s, 5m, 2h or 1d, got "5""#]),
    ("direction: push\n    pull: { every: 5m }", ["14:11: a link with direction: push does not pull"]),
    (
      "direction: pull\n    conflict: {}",
      [
        "14:15: a link with direction: pull has no conflicts"
          + " — its source is always right; remove this, or use direction: both"
      ]
    ),
    (
      "conflict: { default: app }",
      [
        "13:26: expected one of newest, database, application, max, min, delta, union, append, fill-empty, manual,"
          + " got \"app\""
      ]
    ),
    (
      "conflict: { fields: { name: [fill-empty, nwest] } }",
      [
        "13:46: expected one of newest, database, application, max, min, delta, union, append, fill-empty, manual,"
          + " got \"nwest\" — did you mean \"newest\"?"
      ]
    ),
    (
      "conflict: { groups: { a: { columns: [nme], policy: delta } } }",
      [
        #"13:42: "nme" is no linked column — did you mean "name"?"#,
        "13:56: a group is taken from one side as a whole, and delta does not say from which"
          + " — newest, database, application, manual, or a list of them",
      ]
    ),
    (
      "conflict: { fields: { name: newest }, groups: { a: { columns: [name] } } }",
      ["13:15: \"name\" has a policy of its own and is in the group a — the group decides for all its columns"]
    ),
    ("conflict: { fields: { nme: newest } }", [#"13:27: "nme" is no linked column — did you mean "name"?"#]),
    ("conflict: { delete: never }", ["13:25: expected one of update-wins, delete-wins, manual, got \"never\""]),
    ("guard: { deletes: many }", [#"13:23: expected a share like 20% or a number, got "many""#]),
    ("guard: { within: 0s }", ["13:22: expected a duration from 1s to 7d, got \"0s\""]),
    (
      "conflict: { first_contact: fill-empt }",
      [
        #"13:32: expected one of database, application, newest, fill-empty, manual, got "fill-empt""#
          + #" — did you mean "fill-empty"?"#
      ]
    ),
    (
      "constants: { name: x, Type: 7 }",
      [#"13:18: "name" is the field of a column already — drop one of them"#]
    ),
    ("id_column: name", [#"13:16: the column "name" is a linked field already — use one of its own"#]),
  ])
  func `a link is checked`(line: String, expected: [String]) throws {
    #expect(try problems(file(link: line)) == expected)
  }

  @Test(arguments: [
    ("shop.customers", "customers", [#"11:12: expected database.table, got "customers""#]),
    ("shop.customers", "shp.customers", [#"11:12: there is no database "shp" — did you mean "shop"?"#]),
    ("shop.customers", "crm.contacts", [#"11:12: there is no database "crm" — expected database.table"#]),
    ("crm.contacts", "cmr.contacts", [#"12:13: there is no connector "cmr" — did you mean "crm"?"#]),
    ("{ email: email }", "{ email: mail }", ["14:19: fields says email: email — name the same field in both"]),
    (
      "    key: { email: email }", "",
      [
        #"11:5: missing key "key" — for example key: { email: Email }: the fields by which a record is found"#
          + " when the answer to its creation was lost"
      ]
    ),
    (
      "name: name", "name: email",
      [
        #"15:28: "email" and "name" are linked to the same field — email and email"#
      ]
    ),
    ("name: name", "name: { field: a..b }", [#"15:30: expected a field such as Name or address.city, got "a..b""#]),
    (
      "name: name", "name: { field: n, as: int }",
      [
        "15:37: expected one of none, string, integer, decimal, decimal_text, boolean, timestamp, date, got \"int\""
      ]
    ),
    (
      "name: name", "name: { field: n, reference: custmers }",
      [
        #"15:44: there is no link "custmers" — did you mean "customers"?"#
      ]
    ),
    (
      "name: name", "name: { field: n, reference: customers, as: string }",
      [
        "15:59: a reference cannot be converted too — remove as:"
      ]
    ),
    (
      "customers:", "cust omers:",
      [
        #"10:3: "cust omers" cannot name a link — use letters, digits, _ and -"#
      ]
    ),
    (
      "crm:", "shop:",
      [
        #"7:3: "shop" names both a database and a connector — rename one of them"#,
        #"12:13: there is no connector "crm" — known: shop"#,
      ]
    ),
  ])
  func `names and fields lead somewhere`(right: String, wrong: String, expected: [String]) throws {
    let text = file()
    let range = try #require(text.range(of: right))
    let isLink = right == "crm.contacts"
    let place = isLink ? text.range(of: right, options: .backwards) ?? range : range
    #expect(try problems(text.replacingCharacters(in: place, with: wrong)) == expected)
  }

  @Test func `links are checked against each other`() throws {
    let more = """
      twin: { table: shop.customers, object: crm.contacts, direction: pull, fields: { name: name } }
        a: { table: shop.a, object: crm.a, direction: pull, fields: { b: { field: b, reference: b } } }
        b: { table: shop.b, object: crm.b, direction: pull, fields: { a: { field: a, reference: a } } }
        tree: { table: shop.t, object: crm.t, direction: pull, fields: { up: { field: up, reference: tree } } }
      """
    #expect(
      try problems(file(more: more)) == [
        #"16:3: "twin" and "customers" link the same table and object — join them"#,
        "18:91: links refer to each other in a circle: a → b → a — drop one of them",
      ])
  }

  @Test func `all problems of a file are told at once, in its order`() throws {
    let text = file(top: "logg: x", connector: "url: x,", link: "direction: up")
    #expect(try problems(text).map { $0.prefix { $0 != ":" } } == ["1", "7", "13"])
  }
}
