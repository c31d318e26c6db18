import Changes
import Config
import Foundation
import Mapping
import Reconcile
import Testing
import YAML

struct ConfigurationTests {
  private let environment = ["TOKEN": "t0p-secret", "PASSWORD": "p@ss/word", "SF_ID": "id-1"]

  /// Reads `text` as `tidemark.yaml` of a folder of its own.
  private func load(_ text: String, files: [String: String] = [:]) throws -> Configuration {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, contents) in files { try Data(contents.utf8).write(to: folder.appendingPathComponent(name)) }
    let path = folder.appendingPathComponent("tidemark.yaml").path
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    return try Configuration.load(path: path, environment: environment)
  }

  /// What is wrong with `text`, without the folder.
  private func problems(_ text: String) throws -> [String] {
    do {
      _ = try load(text)
      return []
    } catch let problems as Problems {
      return problems.all.map { problem in
        "\(problem.place.line):\(problem.place.column): \(problem.message)" + (problem.hint.map { " — \($0)" } ?? "")
      }
    }
  }

  private static let full = """
    log: state/log.db
    http: { listen: "0.0.0.0:9000", token: "${env:TOKEN}" }
    databases:
      shop: { url: "postgres://tidemark:${env:PASSWORD}@localhost/shop" }
      local: { url: sqlite:shop.db, capture: trigger }
    connectors:
      crm:
        use: salesforce
        url: https://example.test/api/
        auth: { client_id: "${env:SF_ID}", client_secret: "${file:sf-secret}" }
        webhook: { secret: "${env:TOKEN}" }
      own: { use: ./own.yaml }
    links:
      accounts:
        table: shop.public.accounts
        object: crm.Account
        direction: pull
        fields: { name: Name, parent_id: { field: ParentId, reference: accounts } }
        pull: { every: 30s }
      customers:
        table: shop.customers
        object: crm.Contact
        key: { email: Email }
        fields:
          name: LastName
          amount: { field: Money.Amount, as: decimal }
          account_id: { field: AccountId, reference: accounts }
        id_column: crm_id
        conflict:
          { default: newest, fields: { amount: database, name: application }, delete: delete-wins, first_contact: fill-empty }
    """

  @Test func `a full file becomes values`() throws {
    let read = try load(Self.full, files: ["sf-secret": "hush\n"])
    let folder = read.file.dropLast("tidemark.yaml".count)
    #expect(read.log == folder + "state/log.db")
    #expect(read.http.host == "0.0.0.0" && read.http.port == 9000)
    #expect(read.http.token?.revealed() == "t0p-secret")
    #expect(read.databases.map(\.name) == ["shop", "local"])
    guard case .postgres(let url) = read.databases[0].location else { throw Unexpected() }
    #expect(url.revealed() == "postgres://tidemark:p%40ss%2Fword@localhost/shop")
    #expect("\(url)" == "postgres://tidemark:***@localhost/shop")
    guard case .sqlite(let path) = read.databases[1].location else { throw Unexpected() }
    #expect(path == folder + "shop.db")
    #expect(read.databases.map(\.capture) == [.auto, .trigger])
    let crm = read.connectors[0]
    #expect(crm.manifest == .embedded("salesforce") && crm.url == "https://example.test/api")
    #expect(crm.auth.mapValues { $0.revealed() } == ["client_id": "id-1", "client_secret": "hush"])
    #expect(crm.webhookSecret?.reference == "${env:TOKEN}")
    #expect(read.connectors[1].manifest == .file(folder + "./own.yaml"))
  }

  @Test func `links are read with their fields, key and policy`() throws {
    let links = try load(Self.full, files: ["sf-secret": "hush"]).links
    #expect(links.map(\.name) == [LinkName("accounts"), LinkName("customers")])
    #expect(links[0].table == EndpointName(system: "shop", name: "public.accounts"))
    #expect(links[0].direction.directions == [.pull] && links[0].pull == .every(.seconds(30)))
    #expect(links[1].object == EndpointName(system: "crm", name: "Contact"))
    #expect(links[1].direction == .both && links[1].key == ["email"] && links[1].idColumn == "crm_id")
    #expect(links[1].pull == LinkSettings.usualPull)
    #expect(
      links[1].mapping.fields == [
        MappedField(local: "email", remote: "Email"), MappedField(local: "name", remote: "LastName"),
        MappedField(local: "amount", remote: "Money.Amount", conversion: .decimal),
        MappedField(local: "account_id", remote: "AccountId", reference: LinkName("accounts")),
      ])
    #expect(
      links[1].conflict
        == ConflictPolicy(
          default: .newest, fields: ["amount": .side(.local), "name": .side(.remote)], delete: .deleteWins,
          firstContact: .fillEmpty))
    #expect(links[1].objectPlace.line == 22)
  }

  @Test func `what of a table may leave the database is read`() throws {
    let read = try load(
      """
      databases:
        shop:
          url: sqlite:shop.db
          mask_key: "${file:key}"
          tables:
            customers: { mask: { email: hash, phone: drop }, except: [notes], where: "status <> 'draft'" }
            orders: { columns: [number, total], mask: { total: mask }, capture: poll, cursor: number }
      connectors: { crm: { use: sandbox } }
      links:
        customers: { table: shop.customers, object: crm.contacts, direction: push, key: { email: email }, fields: { name: name } }
        orders: { table: shop.orders, object: crm.orders, direction: push, key: { number: number }, fields: { total: total } }
      """, files: ["key": "0123456789abcdef"])
    let shop = read.databases[0]
    let restrictions = read.restrictions(of: shop)
    let hash = Mask.hash(MaskKey("0123456789abcdef"))
    #expect(
      restrictions["customers"]
        == RowRestriction(.except(["notes", "phone"]), masks: ["email": hash], condition: "status <> 'draft'"))
    #expect(restrictions["orders"] == RowRestriction(.only(["number", "total"]), masks: ["total": .fixed]))
    #expect(Array(read.polling(of: shop).keys) == ["orders"])
    #expect(shop.tables[0].restriction?.columnPlaces["phone"]?.line == 6)
  }

  @Test func `a table is polled as its database says, unless it says otherwise`() throws {
    let read = try load(
      """
      databases:
        shop:
          url: sqlite:shop.db
          capture: { mode: poll, cursor: updated_at, every: 2s, sweep: 30m }
          tables: { orders: { cursor: version, overlap: 1s }, notes: { key: [a, b] } }
        local: { url: sqlite:local.db, tables: { people: { capture: poll, every: 1m } } }
      connectors: { crm: { use: sandbox } }
      links:
        orders: { table: shop.orders, object: crm.orders, key: { n: n }, fields: { total: t }, direction: push }
        items: { table: shop.items, object: crm.items, key: { n: n }, fields: { a: a }, id_column: crm }
        notes: { table: shop.notes, object: crm.notes, key: { a: a }, fields: { b: b }, direction: push, id_column: id }
        people: { table: local.people, object: crm.people, key: { n: n }, fields: { a: a } }
        others: { table: local.others, object: crm.others, key: { n: n }, fields: { a: a } }
      """)
    let shop = read.polling(of: read.databases[0])
    #expect(Set(shop.keys) == ["orders", "items", "notes"])
    var orders = PollSettings(
      cursor: "version", overlap: .seconds(1), every: .seconds(2), sweep: .seconds(1800))
    orders.use = TableUse(reads: ["n", "total"])
    #expect(shop["orders"] == orders)
    var items = PollSettings(cursor: "updated_at", every: .seconds(2), sweep: .seconds(1800))
    items.use = TableUse(reads: ["a", "crm", "n"], writes: .rows)
    #expect(shop["items"] == items)
    #expect(shop["notes"]?.key == ["a", "b"] && shop["notes"]?.use.writes == .columns(["id"]))
    let local = read.polling(of: read.databases[1])
    #expect(local.keys.sorted() == ["people"] && local["people"]?.every == .every(.seconds(60)))
    #expect(read.fallback(of: read.databases[1])["others"]?.every == .every(PollSettings.usualEveryWhole))
  }

  @Test func `what is left out has a safe value`() throws {
    let read = try load("databases: {}\nconnectors: {}\nlinks: {}")
    #expect(read.log.hasSuffix("/.tidemark/log.db"))
    #expect(read.http.host == "127.0.0.1" && read.http.port == 8642 && read.http.token == nil)
  }

  @Test func `the log's retention and a link's schedule of verification are read`() throws {
    let read = try load(
      """
      log: { path: a.db, keep: 3d, max_bytes: 10GB }
      databases: { shop: { url: "sqlite:shop.db" } }
      connectors: { crm: { use: sandbox } }
      links:
        customers:
          { table: shop.customers, object: crm.contacts, key: { email: email }, fields: { email: email },
            verify: { every: 1d, sample: 10000 } }
      """)
    #expect(read.log.hasSuffix("/a.db"))
    #expect(read.retention == RetentionSettings(keep: .seconds(3 * 86_400), maxBytes: 10_000_000_000))
    #expect(read.links.first?.verification?.schedule == .every(.seconds(86_400)))
    #expect(read.links.first?.verification?.sample == 10_000)
    #expect(try load("databases: {}\nconnectors: {}\nlinks: {}").retention == RetentionSettings())
  }

  @Test func `no secret shows in a description, a dump or a message`() throws {
    let read = try load(Self.full, files: ["sf-secret": "hush"])
    var dumped = "\(read)"
    dump(read, to: &dumped)
    debugPrint(read, to: &dumped)
    for secret in ["t0p-secret", "p@ss", "p%40ss", "hush", "id-1"] { #expect(!dumped.contains(secret)) }
    let literal = Self.full.replacingOccurrences(of: "${env:TOKEN}", with: "l1teral").replacingOccurrences(
      of: "${file:sf-secret}", with: "${l1teral")
    #expect(try !problems(literal).joined().contains("l1teral"))
  }

  @Test(arguments: [
    ("postgres://u:a:b@c@h/d?x=1&password=q&sslmode=require", "postgres://u:***@h/d?x=1&password=***&sslmode=require"),
    ("postgresql://h/d", "postgresql://h/d"), ("postgres://u:a?b@h/d", "postgres://u:***@h/d"),
    ("postgres://u@h/d?PASSWORD=x", "postgres://u@h/d?PASSWORD=***"),
    ("postgres://u:p@h/d?password=a@b", "postgres://u:***@b"),
  ])
  func `a password never shows in an address`(text: String, shown: String) throws {
    #expect(try #require(PostgresURL(text)).description == shown)
  }

  private struct Unexpected: Error {}
}
