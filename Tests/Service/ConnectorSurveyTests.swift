import Changes
import Config
import Foundation
@testable import Runtime
import Support
import Testing

/// What is told of applications without changing anything there.
@Suite struct ConnectorSurveyTests {
  private func survey(_ server: ScriptedServer, in folder: ScratchFolder, settings: String = "") throws
    -> ConnectorSurvey
  {
    let manifest = """
      name: mine
      settings: { company: , year: "2026" }
      authentication: { bearer: token }
      headers: { X-Company: "{company}", X-Year: "{year}" }
      objects:
        items: { list: { path: "/{company}/items", items: items }, create: { path: /items } }
        orders: { list: { path: /orders } }
      """
    let configuration = """
      databases: { shop: { url: "sqlite:shop.db" } }
      connectors: { app: { use: ./mine.yaml, url: "\(server.url)", auth: { token: "${env:TOKEN}" }\(settings) } }
      links: { items: { table: shop.items, object: app.items, direction: pull, fields: { name: name } } }
      """
    try manifest.write(toFile: folder.file("mine.yaml"), atomically: true, encoding: .utf8)
    try configuration.write(toFile: folder.file("tidemark.yaml"), atomically: true, encoding: .utf8)
    return ConnectorSurvey(
      try Configuration.load(
        path: folder.file("tidemark.yaml"), environment: ["TOKEN": "t", "COMPANY": "a/b"]))
  }

  @Test func `Fields are told with their types and how often they have a value, settings and all`() async throws {
    let folder = ScratchFolder()
    let server = try ScriptedServer { _ in
      .json(200, #"{"items":[{"id":1,"name":"x","a":{"city":"Rome"}},{"id":"2","name":null,"a":{}}]}"#)
    }
    let survey = try survey(server, in: folder, settings: ", company: \"${env:COMPANY}\"")
    let items = try await survey.describe(EndpointName(system: "app", name: "items"))
    #expect(items.actions == ["create"])
    #expect(items.records == 2)
    #expect(
      items.fields == [
        .init(name: "id", types: ["number", "text"], filled: 2), .init(name: "name", types: ["text"], filled: 1),
        .init(name: "a.city", types: ["text"], filled: 1), .init(name: "a", types: ["object"], filled: 1),
      ])
    // In a path a value stays one segment; in a header it is what it is.
    #expect(server.requests.first?.target == "/a%2Fb/items")
    #expect(server.requests.first?.header("X-Company") == "a/b")
    #expect(server.requests.first?.header("X-Year") == "2026")
    #expect(try survey.objects(of: "app").map(\.name) == ["items", "orders"])
  }

  @Test func `A read of each linked object proves the credentials, and its failure is told`() async throws {
    let folder = ScratchFolder()
    let server = try ScriptedServer { _ in .json(401, "{}") }
    let trials = try await survey(server, in: folder, settings: ", company: c").test("app")
    #expect(trials.map(\.object.name) == ["items"])
    #expect(trials.first?.problem?.contains("credentials were refused") == true)
    #expect(server.requests.count == 1)
  }

  @Test func `A setting that is missing or unknown is told by its name`() async throws {
    let folder = ScratchFolder()
    let server = try ScriptedServer { _ in .json(200, #"{"items":[]}"#) }
    let items = EndpointName(system: "app", name: "items")
    await #expect { try await survey(server, in: folder).describe(items) } throws: { "\($0)".contains("company") }
    await #expect {
      try await survey(server, in: folder, settings: ", company: c, companny: d").describe(items)
    } throws: { "\($0)".contains("unknown key \"companny\"") }
    await #expect { try await survey(server, in: folder, settings: ", company: c").test("crm") } throws: {
      "\($0)".contains("there are app")
    }
  }
}
