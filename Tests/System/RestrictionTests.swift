import Foundation
import JSON
import Support
import Testing

extension SystemTests {
  /// What `columns`, `where` and `mask` keep back never reaches the log's files, whichever way a table is captured.
  @Suite(.serialized) struct RestrictionTests {
    private static func configure(_ scene: Scene, capture: String) throws {
      let key = "mask-key-canary-0123456789"
      try key.write(toFile: scene.folder.file("mask-key"), atomically: true, encoding: .utf8)
      let text = """
        databases:
          shop:
            url: "\(scene.shop.url)"
            capture: \(capture)
            mask_key: "${file:mask-key}"
            tables:
              customers:
                except: [updated_at]
                where: "coalesce(city, '') <> 'hidden'"
                mask: { email: hash, phone: drop, name: mask }
        connectors: { crm: { use: sandbox, url: "\(scene.crm.url)", auth: { token: "${env:CRM_TOKEN}" } } }
        http: { listen: "127.0.0.1:0" }
        links:
          customers:
            table: shop.customers
            object: crm.contacts
            direction: push
            key: { email: email }
            fields: { name: name, city: city, credit_limit: { field: credit_limit, as: decimal } }
            id_column: crm_id
        """
      try text.write(toFile: scene.folder.file("tidemark.yaml"), atomically: true, encoding: .utf8)
    }

    @Test(arguments: [
      (DatabaseKind.sqlite, "trigger"), (.postgres, "trigger"), (.postgresWAL, "wal"),
      (.postgres, "{ mode: poll, every: 1s }"),
      (.sqlite, "{ mode: poll, every: 1s }"),
    ])
    func `What is dropped, masked or filtered is in no byte of the log, and detach leaves nothing`(
      kind: DatabaseKind, capture: String
    ) async throws {
      let scene = try await Scene(kind)
      let before = try await scene.shop.schema()
      try Self.configure(scene, capture: capture)
      let long = String(repeating: "canary-long-", count: 400)
      try await scene.shop.execute(
        "INSERT INTO customers (id, name, email, phone, city) VALUES (50, 'canary-name', 'canary-1@x.example', '\(long)', 'Seen')",
        "INSERT INTO customers (id, name, email, city) VALUES (51, 'canary-draft', 'canary-2@x.example', 'hidden')")
      #expect(try await scene.tidemark("check").status == 0)
      #expect(try await scene.tidemark("attach").status == 0)
      let service = try await scene.run()
      // Until then a row may arrive by the backfill alone, and what polling has not told it does not miss at once.
      try await eventually("the rows that were there arrive") {
        try await Self.cities(scene).contains("Seen") && service.errorText.contains("is done")
      }
      try await scene.shop.execute(
        "INSERT INTO customers (id, name, email, phone, city) VALUES (60, 'canary-name', 'canary-3@x.example', '\(long)', 'Other')",
        "UPDATE customers SET phone = 'canary-phone', city = 'Changed' WHERE id = 50",
        "INSERT INTO customers (id, name, email, city) VALUES (61, 'canary-draft', 'canary-4@x.example', 'hidden')",
        "UPDATE customers SET name = 'canary-draft-2' WHERE id = 51")
      try await eventually("the changes arrive") { try await Self.cities(scene).isSuperset(of: ["Changed", "Other"]) }
      try await scene.shop.execute(
        "UPDATE customers SET city = 'hidden', name = 'canary-left' WHERE id = 60",
        "UPDATE customers SET city = 'Entered' WHERE id = 51", "DELETE FROM customers WHERE id = 61")
      try await eventually("one leaves and one enters") {
        let cities = try await Self.cities(scene)
        let count = try await scene.crm.records("contacts").count
        return cities.contains("Entered") && !cities.contains("Other") && count == 8
      }
      let entered = try #require(try await scene.crm.record("contacts", where: "city", is: "Entered"))
      #expect(entered["name"] == "***")
      #expect(entered["email"]?.stringValue?.count == 64)
      #expect(try await scene.crm.records("contacts").values.allSatisfy { !$0.text.contains("canary") })
      service.signal(SIGTERM)
      #expect(await service.ending().status == 0)
      let verified = try await scene.tidemark("verify")
      #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
      let bytes = try Self.bytes(of: scene.folder.file(".tidemark"))
      #expect(bytes.firstRange(of: Data("Entered".utf8)) != nil, "what is told can be found")
      for secret in ["canary", "hidden", "mask-key"] {
        #expect(bytes.firstRange(of: Data(secret.utf8)) == nil, "\(secret) is in the log")
      }
      #expect(!service.errorText.contains("canary"))
      #expect(try await scene.tidemark("detach").status == 0)
      #expect(try await scene.shop.schema() == before)
    }

    private static func cities(_ scene: Scene) async throws -> Set<String> {
      Set(try await scene.crm.records("contacts").values.compactMap { $0["city"]?.stringValue })
    }

    /// Every byte of every file in a folder.
    private static func bytes(of folder: String) throws -> Data {
      try FileManager.default.contentsOfDirectory(atPath: folder).reduce(into: Data()) { data, file in
        data += FileManager.default.contents(atPath: "\(folder)/\(file)") ?? Data()
      }
    }

    @Test func `A restriction that does not fit its table is told with its place, and nothing starts`() async throws {
      let scene = try await Scene(.postgres)
      try Self.configure(scene, capture: "trigger")
      let file = scene.folder.file("tidemark.yaml")
      let right = try String(contentsOfFile: file, encoding: .utf8)
      let cases = [
        ("except: [updated_at]", "except: [updatd_at]", "tidemark.yaml:8:18: did you mean \"updated_at\"?"),
        ("except: [updated_at]", "except: [id]", "is part of the key"),
        ("'hidden'\"", "'hidden' AND now() > updated_at\"", "tidemark.yaml:9:16"),
        (
          "except: [updated_at]", "columns: [email, name, credit_limit]",
          "link customers maps \"city\", which is not told"
        ),
      ]
      for (part, wrong, expected) in cases {
        var text = right.replacingOccurrences(of: part, with: wrong)
        if wrong.hasPrefix("columns") { text = text.replacingOccurrences(of: "phone: drop, ", with: "") }
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        for command in ["check", "attach"] {
          let ended = try await scene.tidemark(command)
          #expect(ended.status == 78, "\(command) with \(wrong)")
          #expect((ended.output + ended.errors).contains(expected), "\(ended.output)\(ended.errors)")
        }
      }
    }
  }
}
