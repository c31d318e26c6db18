import Foundation
import HTTP
import JSON
import Support
import Testing

private let kintoURL = ProcessInfo.processInfo.environment["TIDEMARK_TEST_KINTO"]

extension SystemTests {
  /// The whole service between the shop and a server that was not written here.
  @Suite(.enabled(if: kintoURL != nil, "needs a Kinto server: scripts/test --peers starts one"))
  struct KintoTests {
    @Test func `A shop and a Kinto bucket stay equal through changes at both, conflicts and a kill`() async throws {
      let scene = try await KintoScene(try #require(kintoURL))
      let (shop, kinto) = (scene.shop, scene.kinto)
      #expect(try await scene.tidemark("attach").status == 0)
      var service = try await scene.run()
      try await scene.isEqual(records: 6)

      // Created, updated and deleted at either side; more than a page of five at Kinto.
      let ids = try await kinto.ids()
      for number in 0..<12 { try await kinto.create("kinto\(number)@crm.example") }
      try await shop.execute(
        "INSERT INTO customers (name, email) VALUES ('New', 'new@shop.example')",
        "UPDATE customers SET city = 'Dartmouth' WHERE id = 1",
        "DELETE FROM orders WHERE customer_id = 6", "DELETE FROM customers WHERE id = 6")
      try await kinto.update(try #require(ids["juergen@wattlaeufer.example"]), ["phone": "+49 1"])
      try await kinto.delete(try #require(ids["ines@mareviva.example"]))
      try await scene.isEqual(records: 17)
      #expect(try await shop.value("SELECT phone FROM customers WHERE id = 2") == "+49 1")
      #expect(try await shop.value("SELECT count(*) FROM customers WHERE id = 5") == "0")
      #expect(try await kinto.record(try #require(ids["marisol@harbourlights.example"]))["city"] == "Dartmouth")

      // Killed in the middle of forty creates.
      for number in 0..<40 {
        try await shop.execute("INSERT INTO customers (name, email) VALUES ('Bulk', 'bulk\(number)@shop.example')")
      }
      try await eventually("some of them arrive") { try await kinto.ids().count > 20 }
      service.signal(9)
      #expect(await service.ending().status == 137)

      // Meanwhile both sides change the same records: other fields in some, the same field in one.
      let both = try await kinto.ids().filter { $0.key.hasPrefix("kinto") }
      try await shop.execute("UPDATE customers SET city = 'Here' WHERE email LIKE 'kinto%'")
      for id in both.values { try await kinto.update(id, ["phone": "there"]) }
      try await shop.execute("UPDATE customers SET name = 'Ours', phone = 'ours' WHERE id = 3")
      let fought = try #require(ids["aoife@neapandspring.example"])
      try await kinto.update(fought, ["name": "Theirs", "phone": "theirs"])

      service = try await scene.run()
      try await scene.isEqual(records: 57)
      for id in both.values {
        let record = try await kinto.record(id)
        #expect(record["city"] == "Here" && record["phone"] == "there")
      }
      let settled = try await kinto.record(fought)
      #expect(settled["name"] == "Ours" && settled["phone"] == "theirs")

      let conflicts = try JSONValue(parsing: try await scene.tidemark("conflicts", "--json").output).arrayValue ?? []
      let winners = conflicts.map { "\($0.at("field")?.plainText ?? "") \($0.at("winner")?.plainText ?? "")" }
      #expect(winners.sorted() == ["name database", "phone application"])
      #expect(try await scene.tidemark("dead-letters", "--json").output == "[]\n")
      let verified = try await scene.tidemark("verify")
      #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
      service.signal(15)
      #expect(await service.ending().status == 0)
    }
  }
}

/// The shop, a bucket of its own at the server, and the fixture's configuration between them.
private struct KintoScene {
  let folder = ScratchFolder()
  let shop: Shop
  let kinto: Kinto

  init(_ url: String) async throws {
    shop = try await Shop(.sqlite, in: folder.path)
    kinto = try await Kinto(beside: url)
    let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(
      path: "../../fixtures/kinto.yaml")
    try FileManager.default.copyItem(atPath: fixture.standardized.path, toPath: folder.file("tidemark.yaml"))
  }

  private func start(_ arguments: [String]) throws -> Child {
    try Child(
      arguments, in: folder.path,
      environment: ["KINTO_BUCKET": kinto.bucket, "KINTO_USERNAME": "sync", "KINTO_PASSWORD": Kinto.password])
  }

  @discardableResult func tidemark(_ arguments: String...) async throws -> Child.Ending {
    try await start(arguments).ending()
  }

  func run() async throws -> Child {
    let service = try start(["run"])
    _ = try await service.line(after: "tidemark: running; status at ")
    return service
  }

  /// Waits until both sides hold the same `records` records, and the shop knows Kinto's id of each.
  func isEqual(records: Int) async throws {
    let fields = ["crm_id", "name", "email", "phone", "city"]
    try await eventually("both sides hold the same \(records) records", within: .seconds(45)) {
      let rows = try await shop.rows(
        "SELECT \(fields.map { "coalesce(\($0), '')" }.joined(separator: ", ")) FROM customers ORDER BY crm_id")
      let contacts = try await kinto.records().map { record in
        (["id"] + fields.dropFirst()).map { name in record[name].map { $0.isNull ? "" : $0.plainText } ?? "" }
      }
      return rows.count == records && rows == contacts.sorted { $0[0] < $1[0] }
    }
  }
}

/// The application as its own users see it.
private struct Kinto {
  static let password = "s3cret"
  let bucket: String
  private let client = HTTPClient()

  /// A new bucket, so that nothing of other tests is in it.
  init(beside other: String) async throws {
    bucket = other[..<(other.lastIndex(of: "/") ?? other.endIndex)] + "/" + UUID().uuidString.lowercased()
    try await call("PUT", "")
    try await call("PUT", "/collections/contacts")
  }

  @discardableResult
  private func call(_ method: String, _ path: String, _ fields: JSONObject? = nil) async throws -> HTTPResponse {
    let body: JSONObject? = fields.map { ["data": .object($0)] }
    var request = HTTPRequest(method, path.hasPrefix("http") ? path : bucket + path, body: body?.bytes)
    request.headers["Authorization"] = "Basic " + Data("sync:\(Self.password)".utf8).base64EncodedString()
    if body != nil { request.headers["Content-Type"] = "application/json" }
    let response = try await client.send(request)
    guard response.status < 300 else { throw NotReached(description: "\(method) \(path): \(response.status)") }
    return response
  }

  private static let records = "/collections/contacts/records"

  /// Everything, page by page.
  func records() async throws -> [JSONObject] {
    var found: [JSONObject] = []
    var page: String? = Self.records + "?_sort=last_modified"
    while let url = page {
      let response = try await call("GET", url)
      found += try JSONValue(parsing: response.body).at("data")?.arrayValue?.compactMap(\.objectValue) ?? []
      page = response.headers["Next-Page"]
    }
    return found
  }

  /// The ids by email.
  func ids() async throws -> [String: String] {
    let pairs = try await records().compactMap { record in
      record["email"]?.stringValue.flatMap { email in record["id"]?.stringValue.map { (email, $0) } }
    }
    return Dictionary(pairs) { first, _ in first }
  }

  func record(_ id: String) async throws -> JSONObject {
    try JSONValue(parsing: try await call("GET", "\(Self.records)/\(id)").body).at("data")?.objectValue ?? [:]
  }

  func create(_ email: String) async throws {
    try await call("POST", Self.records, ["name": "Contact", "email": .string(email), "credit_limit": 10])
  }

  func update(_ id: String, _ fields: JSONObject) async throws {
    try await call("PATCH", "\(Self.records)/\(id)", fields)
  }

  func delete(_ id: String) async throws { try await call("DELETE", "\(Self.records)/\(id)") }
}
