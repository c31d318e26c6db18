import Foundation
import Glibc
import HTTP
import JSON
import Support
import Testing

extension SystemTests {
  /// What people do to a service at work: look at what was given up, let links rest, change the configuration.
  @Suite(.serialized) struct OperatingTests {
    private static let refusal =
      #"{"fault": "status", "status": 422, "probability": 1, "method": "PATCH", "path": "/api/contacts"}"#

    private func running() async throws -> (scene: Scene, service: Child) {
      let scene = try await Scene(.sqlite)
      try await scene.tidemark("attach")
      let service = try await scene.run()
      try await scene.quiet()
      return (scene, service)
    }

    private func letters(_ scene: Scene) async throws -> [JSONValue] {
      try JSONValue(parsing: try await scene.tidemark("dead-letters", "--json").output).arrayValue ?? []
    }

    private func contact(_ scene: Scene, _ id: Int) async throws -> JSONObject {
      let remote = try await scene.shop.value("SELECT crm_id FROM customers WHERE id = \(id)") ?? ""
      return try #require(try await scene.crm.records("contacts")[remote])
    }

    @Test func `A dead letter is shown, tried again in order with later changes, put right, dropped and exported`()
      async throws
    {
      let (scene, service) = try await running()
      try await scene.crm.fault(Self.refusal)
      try await scene.shop.execute("UPDATE customers SET city = 'Refused' WHERE id IN (1, 2, 3)")
      try await eventually("three are given up") { try await letters(scene).count == 3 }
      let listed = try await scene.tidemark("dead-letters")
      #expect(listed.output.hasPrefix("3 × customers push: http.422"), "\(listed)")
      let ids = try await letters(scene).compactMap { $0.at("id")?.integerValue }.sorted()
      let shown = try await scene.tidemark("dead-letters", "show", "\(ids[0])")
      #expect(shown.output.contains("http.422") && !shown.output.contains("Refused"), "\(shown)")
      let whole = try await scene.tidemark("dead-letters", "show", "\(ids[0])", "--values", "--json")
      #expect(try JSONValue(parsing: whole.output).at("row.city") == "Refused")
      let exported = try await scene.tidemark("deadletters", "export", "--code", "http.422")
      #expect(exported.output.split(separator: "\n").count == 3, "\(exported)")

      let story = try await scene.tidemark("explain", "customers", "1")
      #expect(story.output.contains("an attempt failed at") && story.output.contains("Given up"), "\(story)")

      // As long as the application refuses it, a letter comes back.
      let again = try await scene.tidemark("dead-letters", "retry", "\(ids[0])")
      #expect(again.status == 3 && again.output.contains("1 given up again"), "\(again)")

      try await scene.crm.removeFaults()
      // A later change went through meanwhile: what is sent now is what the record holds now.
      try await scene.shop.execute("UPDATE customers SET city = 'Later' WHERE id = 2")
      try await eventually("the later change arrives") { try await contact(scene, 2)["city"] == "Later" }
      let first = try await letters(scene).filter { $0.at("key") == "1" }.compactMap { $0.at("id")?.integerValue }
      let edited = try await scene.tidemark("dead-letters", "edit", "\(first[0])", "--set", "city=Edited")
      #expect(edited.status == 0, "\(edited)")
      #expect(try await contact(scene, 1)["city"] == "Edited")
      #expect(try await scene.shop.value("SELECT city FROM customers WHERE id = 1") == "Edited")
      let second = try await letters(scene).filter { $0.at("key") == "2" }.compactMap { $0.at("id")?.integerValue }
      let retried = try await scene.tidemark("dead-letters", "retry", "\(second[0])")
      #expect(retried.status == 0 && retried.output == "customers: 1 tried again\n", "\(retried)")
      #expect(try await contact(scene, 2)["city"] == "Later")

      let dropped = try await scene.tidemark("dead-letters", "drop", "--link", "customers")
      #expect(dropped.output == "1 dead letters dropped\n", "\(dropped)")
      #expect(try await letters(scene).isEmpty)
      let gone = try await scene.tidemark("dead-letters", "drop", "\(ids[2])")
      #expect(gone.status == 64 && gone.errors.contains("letter.unknown"), "\(gone)")
      #expect(service.isRunning)
    }

    @Test
    func `A report holds both sides with what differs marked, and the doctor's bundle holds neither data nor secrets`()
      async throws
    {
      let (scene, service) = try await running()
      #expect(try await scene.tidemark("pause", "customers").status == 0)
      try await scene.shop.execute("UPDATE customers SET city = '=cmd()', phone = NULL WHERE id = 1")
      try await scene.shop.execute(
        "INSERT INTO customers (id, name, email) VALUES (950, 'Only <here>', 'secret-canary@shop.example')")
      let csv = try await scene.tidemark("report", "customers", "--format", "csv", "--different")
      let rows = csv.output.split(separator: "\n")
      #expect(csv.status == 0 && rows[0].hasPrefix("database key,application key,state,database name"), "\(csv)")
      #expect(
        rows.contains { $0.hasPrefix("1,c_") && $0.contains(",different,") && $0.contains("\"'=cmd()\"") }, "\(csv)")
      #expect(rows.contains { $0.hasPrefix("950,,missing in the application,Only <here>,,") }, "\(csv)")
      #expect(rows.count == 3, "\(csv)")
      let html = try await scene.tidemark("report", "customers", "--format", "html")
      #expect(html.output.contains("Only &lt;here&gt;") && html.output.contains("<td class=\"ne\">=cmd() <b>≠</b>"))
      let orders = try await scene.tidemark("report", "orders", "--format", "json")
      let order = try JSONValue(parsing: String(orders.output.split(separator: "\n").first ?? ""))
      #expect(order.at("state") == "equal" && order.at("refers_to.customer_id.email") != nil, "\(orders)")
      let table = try await scene.tidemark("report", "customers")
      #expect(table.output.contains("    ≠ city: database =cmd(), application "), "\(table)")

      let bundle = try await scene.tidemark("doctor")
      let document = try JSONValue(parsing: bundle.output)
      for part in ["version", "machine", "configuration", "findings", "status", "dead_letters", "metrics"] {
        #expect(document.at(part) != nil && document.at("\(part).unavailable") == nil, "\(part)")
      }
      #expect(bundle.output.contains("${env:CRM_TOKEN}"))
      for secret in ["secret-canary", "shop.example", "Only <here>"] {
        #expect(!bundle.output.contains(secret), "\(secret)")
      }
      #expect(service.isRunning)
    }

    @Test(arguments: [DatabaseKind.sqlite, .postgres])
    func `A configuration that init writes passes check, as it is and with an application`(
      kind: DatabaseKind
    ) async throws {
      let scene = try await Scene(kind)
      try await scene.shop.execute(
        "CREATE TABLE \"odd name\" (note TEXT)", "CREATE TABLE \"Line Items\" (id INT PRIMARY KEY, \"Qty: 1\" INT)")
      let plain = try await scene.tidemark("init", scene.shop.url, "--output", "plain.yaml")
      #expect(plain.status == 0, "\(plain)")
      let text = try String(contentsOfFile: scene.folder.file("plain.yaml"), encoding: .utf8)
      #expect(text.contains("#    table: shop.customers") && text.contains("odd name has no primary key"), "\(text)")
      let checked = try await scene.tidemark("check", "--config", "plain.yaml")
      #expect(checked.status == 0, "\(checked)\n\(text)")
      let again = try await scene.tidemark("init", scene.shop.url, "--output", "plain.yaml")
      #expect(again.status == 64 && again.errors.contains("usage.exists"), "\(again)")

      // Everything that stands in comments is what a person may take out of them.
      let uncommented = text.replacing("connectors: {}", with: "connectors:").replacing("links: {}", with: "links:")
        .split(separator: "\n", omittingEmptySubsequences: false)
        .map { $0.hasPrefix("#  ") && !$0.contains("no primary key") ? String($0.dropFirst()) : String($0) }
        .joined(separator: "\n")
      try uncommented.write(toFile: scene.folder.file("whole.yaml"), atomically: true, encoding: .utf8)
      let whole = try await scene.tidemark("check", "--offline", "--config", "whole.yaml")
      #expect(whole.status == 0, "\(whole)\n\(uncommented)")

      let full = try await scene.tidemark(
        "init", scene.shop.url, "--use", "sandbox", "--url", scene.crm.url, "--auth", "token=CRM_TOKEN", "--object",
        "customers=contacts", "--output", "full.yaml")
      #expect(full.status == 0, "\(full)")
      let written = try String(contentsOfFile: scene.folder.file("full.yaml"), encoding: .utf8)
      let verified = try await scene.tidemark("check", "--config", "full.yaml")
      #expect(verified.status == 0, "\(verified)\n\(written)")
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: mandoc), "mandoc is not installed"))
    func `The man page is one that mandoc has nothing against, and every completion script is one`() async throws {
      let folder = ScratchFolder()
      let manual = try await Child(["help", "manual"], in: folder.path).ending()
      #expect(manual.status == 0 && manual.output.contains(".Ss tidemark dead\\-letters retry"), "\(manual)")
      try manual.output.write(toFile: folder.file("tidemark.1"), atomically: true, encoding: .utf8)
      let check = Process()
      check.executableURL = URL(fileURLWithPath: mandoc)
      check.arguments = ["-T", "lint", "-W", "warning", folder.file("tidemark.1")]
      let said = Pipe()
      check.standardOutput = said
      check.standardError = said
      try check.run()
      let text = String(decoding: said.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      check.waitUntilExit()
      #expect(check.terminationStatus == 0, "\(text)")
      for shell in ["bash", "zsh", "fish"] {
        let script = try await Child(["--generate-completion-script", shell], in: folder.path).ending()
        #expect(script.status == 0 && script.output.contains("dead-letters"), "\(shell)")
      }
      let code = try await Child(["help", "http.422"], in: folder.path).ending()
      #expect(code.status == 0 && code.output.contains("dead-letters show"), "\(code)")
      let unknown = try await Child(["help", "http.secret"], in: folder.path).ending()
      #expect(unknown.status == 0, "a status that is not listed is explained by its family")
      let wrong = try await Child(["help", "confg.secret"], in: folder.path).ending()
      #expect(wrong.status == 64 && wrong.errors.contains("did you mean config.secret"), "\(wrong)")
    }

    @Test func `Whoever has the token acts by the API, events are told, and none of it holds up a stop`() async throws {
      let scene = try await Scene(.sqlite)
      try scene.configure(token: "${env:CRM_TOKEN}")
      try await scene.tidemark("attach")
      let service = try await scene.run()
      func call(_ method: String, _ path: String, token: String? = "sandbox") async throws -> HTTPResponse {
        var request = HTTPRequest(method, scene.address + path, timeout: .seconds(10))
        if let token { request.headers["Authorization"] = "Bearer \(token)" }
        return try await HTTPClient().send(request)
      }
      #expect(try await call("POST", "/api/v1/links/customers/pause", token: nil).status == 401)
      #expect(try await call("GET", "/api/v1/status", token: "wrong").status == 401)
      let asked = try await call("POST", "/api/v1/links/customers/pause")
      #expect(asked.status == 202)
      let place = asked.headers["Location"] ?? ""
      try await eventually("it is done") {
        try JSONValue(parsing: try await call("GET", place).body).at("state") == "done"
      }
      try await eventually("the link is paused") {
        try JSONValue(parsing: try await call("GET", "/api/v1/links/customers").body).at("health.state") == "paused"
      }
      #expect(try await call("POST", "/api/v1/links/customers/resume").status == 202)
      let story = try JSONValue(parsing: try await call("GET", "/api/v1/links/customers/records/1").body)
      #expect(story.at("lines.0")?.stringValue?.contains("Link customers") == true, "\(story.text)")

      let listener = Process()
      listener.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
      listener.arguments = ["-sN", "-H", "Authorization: Bearer sandbox", scene.address + "/events"]
      let said = Pipe()
      listener.standardOutput = said
      try listener.run()
      var told = ""
      while told.components(separatedBy: "<header>").count < 3 {
        let part = said.fileHandleForReading.availableData
        guard !part.isEmpty else { break }
        told += String(decoding: part, as: UTF8.self)
      }
      #expect(told.hasPrefix("data: ") && told.components(separatedBy: "<header>").count >= 3)
      // Somebody still looks.
      service.signal(SIGTERM)
      let ending = await service.ending(within: .seconds(20))
      #expect(ending.status == 0, "\(ending.errors)")
      listener.waitUntilExit()
    }

    @Test func `Invariant 12: no secret is in anything that is written or answered, whatever goes wrong`() async throws
    {
      let scene = try await Scene(.sqlite)
      let canaries = ["file-canary-7731", "env-canary-7732", "command-canary-7733", "stderr-canary-7734"]
      try canaries[0].write(toFile: scene.folder.file("token"), atomically: true, encoding: .utf8)
      try scene.configure(token: "${file:token}")
      let file = scene.folder.file("tidemark.yaml")
      let text = try String(contentsOfFile: file, encoding: .utf8)
        .replacing(
          "use: sandbox,",
          with: "use: sandbox, webhook: { secret: \"${command:cat noise >&2; cat webhook}\" },")
      try text.write(toFile: file, atomically: true, encoding: .utf8)
      try canaries[2].write(toFile: scene.folder.file("webhook"), atomically: true, encoding: .utf8)
      try canaries[3].write(toFile: scene.folder.file("noise"), atomically: true, encoding: .utf8)
      let secrets = ["CRM_TOKEN": canaries[1]]
      func tidemark(_ arguments: String...) async throws -> Child.Ending {
        try await Child(arguments, in: scene.folder.path, environment: secrets).ending()
      }
      #expect(try await tidemark("attach").status == 0)
      let service = try Child(
        ["run", "--log-level", "trace"], in: scene.folder.path, environment: secrets)
      _ = try await service.line(after: "tidemark: running; status at ")
      func get(_ path: String, _ method: String = "GET") async throws -> String {
        var request = HTTPRequest(method, scene.address + path, timeout: .seconds(10))
        request.headers["Authorization"] = "Bearer \(canaries[0])"
        return String(decoding: try await HTTPClient().send(request).body, as: UTF8.self)
      }
      // The application refuses this token, so that there are errors to be told.
      try await eventually("it says that it is refused") { try await get("/readyz").contains("unauthorized") }
      var outputs: [String] = []
      for path in ["/", "/metrics", "/readyz", "/api/v1/status", "/api/v1/openapi.json", "/nowhere"] {
        outputs.append(try await get(path))
      }
      outputs.append(try await get("/webhooks/crm", "POST"))
      for command in [
        ["check"], ["status"], ["status", "--json"], ["doctor"], ["reload"], ["explain", "customers", "1"], ["verify"],
        ["log", "--rows"],
      ] {
        let ending = try await Child(command, in: scene.folder.path, environment: secrets).ending()
        outputs += [ending.output, ending.errors]
      }
      // A literal is refused, and not repeated.
      try text.replacing("${file:token}", with: "literal-canary-7735").write(
        toFile: file, atomically: true, encoding: .utf8)
      let refused = try await tidemark("check")
      #expect(refused.status == 78 && refused.errors.contains("config.secret"), "\(refused)")
      outputs += [refused.output, refused.errors, service.outputText, service.errorText]
      for canary in canaries + ["literal-canary-7735"] {
        for output in outputs { #expect(!output.contains(canary), "\(canary) is in \(output)") }
      }
      #expect(service.isRunning)
    }

    @Test func `A link that is paused rests, also after a restart, and goes on where it was`() async throws {
      let (scene, service) = try await running()
      let paused = try await scene.tidemark("pause", "customers", "--reason", "spring cleaning")
      #expect(paused.status == 0, "\(paused)")
      try await scene.shop.execute("UPDATE customers SET city = 'Rested' WHERE id = 1")
      try await eventually("the change waits in the log") {
        try await scene.status().at("links.0.push.pending_changes")?.integerValue ?? 0 > 0
      }
      let order = try await scene.shop.value("SELECT crm_id FROM orders WHERE id = 1") ?? ""
      try await scene.shop.execute("UPDATE orders SET status = 'paid' WHERE id = 1")
      try await eventually("the other link goes on") {
        try await scene.crm.records("orders")[order]?["status"] == "paid"
      }
      let shown = try await scene.tidemark("status")
      #expect(shown.output.contains("paused customers") && shown.output.contains("spring cleaning"), "\(shown)")
      #expect(try await scene.get("/readyz").status == 200)

      service.signal(SIGKILL)
      _ = await service.ending()
      let next = try await scene.run()
      try await scene.shop.execute("UPDATE orders SET status = 'shipped' WHERE id = 1")
      try await eventually("the other link goes on") {
        try await scene.crm.records("orders")[order]?["status"] == "shipped"
      }
      #expect(try await contact(scene, 1)["city"] != "Rested")
      #expect(try await scene.status().at("links.0.state") == "paused")

      #expect(try await scene.tidemark("resume", "customers").status == 0)
      try await eventually("the change goes out") { try await contact(scene, 1)["city"] == "Rested" }
      #expect(try await scene.status().at("links.0.paused") == .null)
      #expect(next.isRunning)
    }

    @Test func `Without a service a pause is kept for the next one, and nobody delivers for it meanwhile`() async throws
    {
      let scene = try await Scene(.sqlite)
      try await scene.tidemark("attach")
      let service = try await scene.run()
      try await scene.quiet()
      service.signal(SIGTERM)
      _ = await service.ending()
      #expect(try await scene.tidemark("pause", "customers").status == 0)
      let refused = try await scene.tidemark("backfill", "customers")
      #expect(refused.status == 75 && refused.errors.contains("tidemark resume customers"), "\(refused)")
      #expect(try await scene.tidemark("resume", "customers").status == 0)
      #expect(try await scene.tidemark("backfill", "customers").status == 0)
    }

    @Test func `A reload takes over what is different, by command and by SIGHUP, and loses no change`() async throws {
      let (scene, service) = try await running()
      try scene.configure(hasOrders: false)
      let unattached = try await scene.tidemark("reload")
      #expect(unattached.status == 1 && unattached.errors.contains("tidemark attach"), "\(unattached)")
      #expect(try await scene.tidemark("attach").status == 0)
      let planned = try await scene.tidemark("reload", "--dry-run")
      #expect(planned.status == 0 && planned.output == "- links.orders\n", "\(planned)")
      #expect(try await scene.status().at("links")?.arrayValue?.count == 2)
      try await scene.shop.execute("UPDATE customers SET city = 'Before' WHERE id = 1")
      let done = try await scene.tidemark("reload")
      #expect(done.status == 0 && done.output.contains("- links.orders"), "\(done)")
      try await scene.shop.execute("UPDATE customers SET city = 'After' WHERE id = 2")
      try await eventually("the changes arrive") {
        let (first, second) = (try await contact(scene, 1)["city"], try await contact(scene, 2)["city"])
        return first == "Before" && second == "After"
      }
      #expect(try await scene.status().at("links")?.arrayValue?.count == 1)

      try scene.configure()
      #expect(try await scene.tidemark("attach").status == 0)
      service.signal(SIGHUP)
      try await eventually("the link is back") { try await scene.status().at("links")?.arrayValue?.count == 2 }
      #expect(service.errorText.contains("+ links.orders"), "\(service.errorText)")
      try await scene.quiet()
      #expect(try await scene.tidemark("verify").status == 0)
      #expect(service.isRunning)
    }

    @Test func `A configuration that cannot be run is refused, and the service goes on as it was`() async throws {
      let (scene, service) = try await running()
      let file = scene.folder.file("tidemark.yaml")
      let good = try String(contentsOfFile: file, encoding: .utf8)
      for (wrong, told) in [
        (good.replacing("id_column: crm_id", with: "id_column: nowhere"), "nowhere"),
        (good.replacing("name: name\n      email", with: "nmae: name\n      email"), "nmae"),
        (good.replacing("127.0.0.1:", with: "localhost:"), "restart"),
      ] {
        #expect(wrong != good)
        try wrong.write(toFile: file, atomically: true, encoding: .utf8)
        let refused = try await scene.tidemark("reload")
        #expect(refused.status != 0 && refused.errors.contains(told), "\(refused)")
      }
      try "links: [".write(toFile: file, atomically: true, encoding: .utf8)
      service.signal(SIGHUP)
      try await eventually("the signal is answered") { service.errorText.contains("the configuration is refused") }
      try good.write(toFile: file, atomically: true, encoding: .utf8)
      try await scene.shop.execute("UPDATE customers SET city = 'Goes on' WHERE id = 1")
      try await eventually("the service goes on") { try await contact(scene, 1)["city"] == "Goes on" }
      #expect(service.isRunning)
    }

    @Test func `Without a service a reload ends with 69, and a status that is watched tells again and again`()
      async throws
    {
      let scene = try await Scene(.sqlite)
      try await scene.tidemark("attach")
      let service = try await scene.run()
      let watching = try scene.start("status", "--watch", "--every", "100ms", "--json")
      try await eventually("three reports") { watching.outputText.split(separator: "\n").count >= 3 }
      watching.signal(SIGKILL)
      for line in watching.outputText.split(separator: "\n").prefix(2) {
        #expect(try JSONValue(parsing: String(line)).at("state") != nil)
      }
      service.signal(SIGTERM)
      _ = await service.ending()
      let refused = try await scene.tidemark("reload")
      #expect(refused.status == 69 && refused.errors.contains("service.absent"), "\(refused)")
    }
  }
}

private let mandoc = "/usr/bin/mandoc"
