import Foundation
import Glibc
import HTTP
import JSON
import Support

/// A shop, a CRM and the links between them, in a folder of their own: everything `tidemark` needs to run.
struct Scene: Sendable {
  let folder: ScratchFolder
  let shop: Shop
  let crm: CRM
  private let port: Int

  /// - Parameters:
  ///   - conflict: who wins where both sides changed a field.
  ///   - capture: as `tidemark.yaml` has it; nil: as the kind says.
  ///   - database: the URL of an empty PostgreSQL database; nil: a scratch database.
  init(
    _ kind: DatabaseKind, conflict: String = "database", capture: String? = nil, database: String? = nil
  ) async throws {
    folder = ScratchFolder()
    shop = try await Shop(kind, in: folder.path, database: database)
    crm = try await CRM(in: folder.path)
    // `tidemark status` asks the service where the configuration says it is, so the port is fixed; out of the range
    // that the system hands out itself.
    port = Int.random(in: 10_000..<20_000)
    try configure(conflict: conflict, capture: capture)
  }

  /// - Parameters:
  ///   - hasOrders: whether the link of the orders is in it.
  ///   - verify: a line of link `customers`.
  ///   - token: of the server, as the configuration refers to it.
  func configure(
    conflict: String = "database", capture: String? = nil, hasOrders: Bool = true, verify: String = "",
    extra: String = "", token: String? = nil
  ) throws {
    let text = """
      databases: { shop: { url: "\(shop.url)", capture: \(capture ?? shop.kind.capture) } }
      connectors: { crm: { use: sandbox, url: "\(crm.url)", auth: { token: "${env:CRM_TOKEN}" } } }
      http: { listen: "127.0.0.1:\(port)"\(token.map { ", token: \"\($0)\"" } ?? "") }
      links:
        customers:
          table: shop.customers
          object: crm.contacts
          key: { email: email }
          fields:
            name: name
            email: email
            phone: phone
            city: city
            credit_limit: { field: credit_limit, as: decimal }
          id_column: crm_id
          conflict: { default: \(conflict), fields: { credit_limit: database } }
          pull: { every: 1s }
          \(verify)
      \(hasOrders ? Self.orders(conflict) : "")
      \(extra)
      """
    try text.write(toFile: folder.file("tidemark.yaml"), atomically: true, encoding: .utf8)
  }

  private static func orders(_ conflict: String) -> String {
    """
      orders:
        table: shop.orders
        object: crm.orders
        key: { number: number }
        fields:
          number: number
          customer_id: { field: contact_id, reference: customers }
          total: { field: total, as: decimal }
          status: status
        id_column: crm_id
        conflict: { default: \(conflict) }
        pull: { every: 1s }
    """
  }

  /// Starts a command without waiting for its end.
  func start(_ arguments: String...) throws -> Child { try start(arguments) }

  func start(_ arguments: [String]) throws -> Child {
    try Child(arguments, in: folder.path, environment: ["CRM_TOKEN": "sandbox"])
  }

  /// Runs a command to its end.
  @discardableResult func tidemark(_ arguments: String...) async throws -> Child.Ending {
    try await Child(arguments, in: folder.path, environment: ["CRM_TOKEN": "sandbox"]).ending()
  }

  /// Starts the service; it answers when this returns.
  func run() async throws -> Child {
    let service = try start("run")
    _ = try await service.line(after: "tidemark: running; status at ")
    return service
  }

  var address: String { "http://127.0.0.1:\(port)" }

  func get(_ path: String) async throws -> HTTPResponse {
    try await HTTPClient().send(HTTPRequest("GET", "http://127.0.0.1:\(port)\(path)", timeout: .seconds(10)))
  }

  func status() async throws -> JSONValue { try JSONValue(parsing: try await get("/api/v1/status").body) }

  /// Waits until nothing is under way: what both sides held before the call has arrived at the other one, the log holds
  /// no change without an ending, and nothing more enters it for longer than the objects are listed anew.
  func quiet(within limit: Duration = .seconds(90)) async throws {
    try await passMarkers(within: limit)
    var last: (sequence: Int64, since: ContinuousClock.Instant) = (-1, .now)
    try await eventually("nothing is under way", within: limit) {
      let status = try await status()
      let sequence = status.at("log.last_sequence")?.integerValue ?? -1
      if sequence != last.sequence || pending(status) > 0 || isReading(status) { last = (sequence, .now) }
      return ContinuousClock.now - last.since > .milliseconds(2_500)
    }
  }

  /// Whether a backfill is not at its end. One that rests enters nothing into the log for a while.
  private func isReading(_ status: JSONValue) -> Bool {
    (status.at("backfills")?.arrayValue ?? []).contains { $0.at("state") == "requested" || $0.at("state") == "running" }
  }

  func pending(_ status: JSONValue) -> Int64 {
    (status.at("links")?.arrayValue ?? []).reduce(0) { sum, link in
      sum + (link.at("push.pending_changes")?.integerValue ?? 0) + (link.at("pull.pending_changes")?.integerValue ?? 0)
    }
  }

  /// A source tells its changes in order: when a late one has arrived, the earlier ones are in the log.
  private func passMarkers(within limit: Duration) async throws {
    let mark = UUID().uuidString
    try await shop.execute("INSERT INTO customers (name, email) VALUES ('Marker', '\(mark)@shop.example')")
    let contact = try await crm.create(
      "contacts", ["name": "Marker", "email": .string("\(mark)@crm.example"), "credit_limit": 0])
    _ = try await crm.create(
      "orders", ["number": .string(mark), "contact_id": .string(contact), "total": 1, "status": "open"])
    do {
      try await eventually("the markers arrive", within: limit) {
        let isPushed = try await crm.record("contacts", where: "email", is: .string("\(mark)@shop.example")) != nil
        let isPulled = try await shop.value("SELECT id FROM orders WHERE number = '\(mark)'") != nil
        return isPushed && isPulled
      }
    } catch {
      print(try await tidemark("status").output)
      throw error
    }
  }
}
