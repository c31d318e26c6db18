import Changes
import Connectors
import Foundation
import JSON
import Support
import Testing

/// An object of a SOAP service as an endpoint, against scripted services.
struct SOAPObjectTests {
  private static let manifest = """
    name: things
    engine: soap
    wsdl: things.wsdl
    authentication: { username_token: { username: user, password: password } }
    faults: { Stale: conflict, Client.Gone: gone }
    objects:
      customers:
        list: { operation: Get, items: GetResult }
        read: { operation: Get, send: { id: "{id}" }, item: GetResult }
        create: { operation: Put, wrap: customer, item: PutResult }
        update: { operation: Put, wrap: customer, item: PutResult, whole: true }
        version: version
    """

  /// An object, and what it needs to be there while it is asked.
  private struct Scene {
    let object: any RemoteObject
    let server: ScriptedServer
    let folder = ScratchFolder()

    init(
      _ manifest: String = SOAPObjectTests.manifest,
      _ script: @escaping @Sendable (ScriptedServer.Request) -> ScriptedServer.Reply
    ) throws {
      try SOAPScene.wsdl.write(toFile: folder.file("things.wsdl"), atomically: true, encoding: .utf8)
      server = try ScriptedServer(script)
      object = try SOAPScene.object(manifest, url: server.url, folder: folder.path)
    }
  }

  private static let customer =
    "<id>7</id><name>A</name><code>c</code><credit>1.50</credit><version>3</version>"

  private func write(_ action: Write.Action, _ fields: JSONObject, expected: JSONObject? = nil) -> Write {
    Write(
      action, key: action == .create ? nil : RecordKey("7"), fields: fields,
      expected: expected.map { .init(version: nil, fields: $0) }, idempotencyKey: "k")
  }

  @Test func `A record is read and written whole under its version, with who we are in the header`() async throws {
    let scene = try Scene { request in
      request.text.contains("<Get ")
        ? SOAPScene.answer("<GetResponse xmlns='urn:t'><GetResult>\(Self.customer)</GetResult></GetResponse>")
        : SOAPScene.answer(
          "<PutResponse xmlns='urn:t'><PutResult>\(Self.customer.replacing("3</v", with: "4</v"))</PutResult></PutResponse>"
        )
    }
    let outcome = await scene.object.apply([write(.update, ["credit": 2], expected: ["name": "A"])]).first
    guard case .applied(let applied)? = outcome else {
      Issue.record("not applied: \(outcome.map { "\($0)" } ?? "")")
      return
    }
    #expect(applied.key == RecordKey("7") && applied.version == "4")
    let (read, put) = (scene.server.requests[0], scene.server.requests[1])
    #expect(read.header("SOAPAction") == "\"urn:t/Get\"" && put.header("SOAPAction") == "\"urn:t/Put\"")
    #expect(read.header("Content-Type") == "text/xml; charset=utf-8")
    #expect(read.text.contains("<wsse:Username>sync</wsse:Username>") && read.text.contains("PasswordText\">s3cret<"))
    #expect(
      put.text.contains(
        "<customer><id>7</id><name>A</name><code>c</code><credit>2</credit><version>3</version></customer>"))
    guard
      case .mismatch(let there?)? = await scene.object.apply([write(.update, ["credit": 2], expected: ["name": "B"])])
        .first
    else {
      Issue.record("a write went over what it did not expect")
      return
    }
    #expect(there.version == "3" && there.fields["credit"]?.text == "1.50")
  }

  @Test(arguments: [
    ("Stale", "mismatch"), ("Client.Gone", "gone"), ("Client", "rejected"), ("Server", "unknown"),
    ("FailedAuthentication", "unavailable"), ("Client.NoSuchThing", "rejected"), ("MustUnderstand", "unavailable"),
  ])
  func `A fault's code decides what becomes of a create, and its text is not repeated`(
    _ code: String, _ fate: String
  ) async throws {
    let scene = try Scene { _ in SOAPScene.fault(code, "value 4711 is wrong") }
    let outcome = await scene.object.apply([write(.create, ["name": "A"])]).first
    let (told, failure): (String, Failure?) =
      switch outcome {
      case .rejected(let failure)?: (failure.code == "connector.mismatch" ? "mismatch" : "rejected", failure)
      case .unknown(let failure)?: ("unknown", failure)
      case .unavailable(let failure, _)?: ("unavailable", failure)
      case .mismatch(nil)?: ("gone", nil)
      default: ("else", nil)
      }
    #expect(told == fate)
    #expect(failure.map { !$0.message.contains("4711") } ?? true)
    #expect(scene.server.requests.count == 1)
  }

  @Test func `A fault of SOAP 1_2 is told by its subcode`() async throws {
    let manifest = Self.manifest.replacing("engine: soap", with: "engine: soap\nsoap: \"1.2\"")
    let scene = try Scene(manifest) { _ in
      SOAPScene.answer(
        "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value xmlns:e='urn:e'>e:Client.Gone</s:Value>"
          + "</s:Subcode></s:Code><s:Reason><s:Text xml:lang='en'>no</s:Text></s:Reason></s:Fault>", status: 400,
        version: "1.2")
    }
    #expect(try await scene.object.records([RecordKey("7")]).isEmpty)
    let request = try #require(scene.server.requests.first)
    #expect(request.header("Content-Type") == "application/soap+xml; charset=utf-8; action=\"urn:t/Get12\"")
    #expect(request.header("SOAPAction") == nil)
    #expect(request.text.contains("soap:mustUnderstand=\"true\""))
  }

  @Test func `A lost answer leaves a create open, a refused connection leaves it undone`() async throws {
    let scene = try Scene { _ in .close }
    guard case .unknown? = await scene.object.apply([write(.create, ["name": "A"])]).first else {
      Issue.record("a lost answer was taken for an outcome")
      return
    }
    let broken = try Scene { _ in .answer(200, body: "<html>down for maintenance</html>") }
    guard case .unknown? = await broken.object.apply([write(.create, ["name": "A"])]).first else {
      Issue.record("a page was taken for an outcome")
      return
    }
    await #expect(throws: EndUnavailable.self) { try await broken.object.records([RecordKey("7")]) }
    let down = try Scene { _ in .answer(503, body: "busy") }
    guard case .unavailable? = await down.object.apply([write(.create, ["name": "A"])]).first else {
      Issue.record("503 was not waited for")
      return
    }
  }

  @Test func `A DOCTYPE in an answer is not read`() async throws {
    let scene = try Scene { _ in
      .answer(
        200,
        body: "<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/hostname'>]><s:Envelope "
          + "xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>&a;</s:Body></s:Envelope>")
    }
    await #expect(throws: EndUnavailable.self) { try await scene.object.records([RecordKey("7")]) }
  }

  @Test func `Without a WSDL the manifest says names, order and kinds`() async throws {
    let manifest = """
      name: things
      engine: soap
      namespace: urn:n
      header: { Session: { key: "{key}" } }
      objects:
        orders:
          fields: { id: number, title: string, paid: boolean, line: list }
          list: { operation: list, action: "urn:list", send: { from: "{cursor}" }, items: orders.order, item_cursor: id, initial: 0 }
          read: { operation: get, send: { id: "{id}" }, item: order }
          create: { operation: put, wrap: order, item: order }
      """
    let server = try ScriptedServer { request in
      if request.text.contains("<put ") {
        return SOAPScene.answer("<r xmlns='urn:n'><order><id>5</id><title>T</title><paid>true</paid></order></r>")
      }
      let isLater = request.text.contains("<from>4</from>")
      return SOAPScene.answer(
        "<r xmlns='urn:n'><orders>"
          + (isLater ? "" : "<order><id>3</id><line>x</line></order><order><id>4</id><paid>0</paid></order>")
          + "</orders></r>")
    }
    let object = try SOAPScene.object(manifest, url: server.url, auth: ["key": "abc"], name: "orders")
    let (first, place) = try await SOAPScene.all(object, after: nil)
    #expect(
      first.map { String(decoding: $0.row, as: UTF8.self) } == [#"{"id":3,"line":["x"]}"#, #"{"id":4,"paid":false}"#])
    #expect(try await SOAPScene.all(object, after: place).0.isEmpty)
    let made = await object.apply([
      Write(.create, key: nil, fields: ["paid": true, "title": "T"], expected: nil, idempotencyKey: "k")
    ]).first
    guard case .applied(let applied)? = made else {
      Issue.record("not made")
      return
    }
    #expect(applied.key == RecordKey("5"))
    let put = try #require(server.requests.last).text
    #expect(put.contains("<put xmlns=\"urn:n\"><order><title>T</title><paid>true</paid></order></put>"))
    #expect(put.contains("<Session xmlns=\"urn:n\"><key>abc</key></Session>"))
    #expect(server.requests[0].text.contains("<from>0</from>") && server.requests[1].text.contains("<from>4</from>"))
  }
}
