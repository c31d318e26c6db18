import Changes
import JSON
import Support
import Testing
import XML

@testable import Connectors

/// What is read from a WSDL, and how calls are written and answers read by it.
struct WSDLTests {
  private func wsdl(_ version: SOAPVersion = .v11) throws -> WSDL {
    try WSDL(try XMLElement(parsing: Array(SOAPScene.wsdl.utf8)), schemas: [], version: version)
  }

  private func body(_ operation: SOAPOperation, _ arguments: JSONObject) throws -> String {
    var writer = XMLWriter()
    try operation.form.write(.object(arguments), as: operation.input, in: nil, to: &writer)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  @Test func `Operations, their actions and the address are read for each version of SOAP`() throws {
    let (old, new) = (try wsdl(), try wsdl(.v12))
    #expect(Set(old.operations.keys) == ["Get", "Put", "Sum"])
    #expect(old.operations["Get"]?.action == "urn:t/Get" && new.operations["Get"]?.action == "urn:t/Get12")
    #expect(old.address == "http://elsewhere.example/soap")
  }

  @Test func `Elements go in the schema's order and namespaces, whatever the order of the fields`() throws {
    let put = try #require(try wsdl().operations["Put"])
    let customer: JSONObject = [
      "inner": ["deep": 1], "tag": ["a", "b"], "credit": .null, "name": "A & <B>", "note": "n", "id": 7, "active": true,
      "@kind": "k",
    ]
    #expect(
      try body(put, ["customer": .object(customer)])
        == "<Put xmlns=\"urn:t\"><customer kind=\"k\"><id>7</id><note>n</note><name>A &amp; &lt;B&gt;</name>"
        + "<credit xsi:nil=\"true\"></credit><active>true</active><tag>a</tag><tag>b</tag>"
        + "<inner xmlns=\"\"><deep xmlns=\"urn:t\">1</deep></inner></customer></Put>")
  }

  @Test func `An element that the schema has not is refused by its name`() throws {
    let put = try #require(try wsdl().operations["Put"])
    #expect(throws: XMLForm.Mismatch(reason: "customer has no element nmae")) {
      try body(put, ["customer": ["nmae": "secret"]])
    }
  }

  @Test func `An answer has numbers with every digit, lists even of one, and nil as null`() throws {
    let get = try #require(try wsdl().operations["Get"])
    let answer = """
      <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">
      <s:Body><q:GetResponse xmlns:q="urn:t"><q:GetResult kind="x"><q:id> 9007199254740993 </q:id><q:name/>
      <q:code>007</q:code><q:credit>0012.3400</q:credit><q:active>1</q:active><q:tag>one</q:tag><q:version i:nil="1"/>
      <q:later>x</q:later></q:GetResult></q:GetResponse></s:Body></s:Envelope>
      """
    guard case .result(let result) = try SOAPAnswer(Array(answer.utf8), get) else {
      Issue.record("no result")
      return
    }
    let expected =
      #"{"@kind":"x","id":9007199254740993,"name":"","code":"007","credit":12.3400,"active":true,"#
      + #""tag":["one"],"version":null,"later":"x"}"#
    #expect(result["GetResult"]?.text == expected)
  }

  @Test func `An operation of rpc style is called by its name, its parts without a namespace`() throws {
    let sum = try #require(try wsdl().operations["Sum"])
    #expect(try body(sum, ["a": 1]) == "<Sum xmlns=\"urn:rpc\"><a xmlns=\"\">1</a></Sum>")
  }

  @Test func `A password digest is the one of the profile`() {
    let nonce: [UInt8] = [
      0x2C, 0xAA, 0x88, 0xE8, 0x6F, 0xC0, 0x8A, 0x42, 0x82, 0x42, 0xB3, 0x74, 0xCE, 0xA6, 0x45, 0x96,
    ]
    #expect(Base64.encoded(nonce) == "LKqI6G/AikKCQrN0zqZFlg==")
    // The example of the ONVIF Application Programmer's Guide, section 6.1.1.3.
    #expect(
      SOAPEnvelope.UsernameToken.digest(nonce: nonce, created: "2010-09-16T07:50:45Z", password: "userpassword")
        == "tuOSpGlFlIXsozq4HFNeeGeFLEI=")
  }

  @Test func `What is no WSDL, or has no binding of that version, is said`() throws {
    #expect(throws: Failure.self) {
      try WSDL(try XMLElement(parsing: Array("<html/>".utf8)), schemas: [], version: .v11)
    }
    let old = SOAPScene.wsdl.replacing("http://schemas.xmlsoap.org/wsdl/soap12/", with: "urn:other")
    #expect(throws: Failure.self) {
      try WSDL(try XMLElement(parsing: Array(old.utf8)), schemas: [], version: .v12)
    }
  }
}
