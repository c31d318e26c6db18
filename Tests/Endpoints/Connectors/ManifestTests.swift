import Connectors
import HTTP
import Testing
import YAML

@Suite struct ManifestTests {
  private func problems(_ text: String) -> [String] {
    do {
      _ = try Manifest(text: text, file: "m.yaml")
      return []
    } catch {
      return error.all.map(\.description)
    }
  }

  @Test(arguments: Manifest.names) func `Every manifest that ships can be read`(_ name: String) throws {
    #expect(try Manifest.named(name).name == name)
  }

  @Test func `A name that does not ship is refused with those that do`() {
    #expect { _ = try Manifest.named("nothing") } throws: { "\($0)".contains("kinto, ") }
  }

  @Test func `A mistyped key is reported with line, column and the word that was meant`() {
    let text = """
      name: x
      objects:
        a:
          list:
            path: /a
            itemz: items
      """
    #expect(problems(text) == [#"m.yaml:6:7: unknown key "itemz" — did you mean "items"?"#])
  }

  @Test func `Everything wrong is reported at once`() {
    let text = """
      name: x
      authentication: { bearer: a, query: { name: b, value: c } }
      objects:
        a:
          list:
            path: a
            paging: { link: x, offset: y }
            cursor: { parameter: c }
          update: { path: "/a/{id}", method: GET }
      errors: { 423: perhaps }
      """
    #expect(
      problems(text) == [
        "m.yaml:2:17: expected one of bearer, basic, header, query, oauth2, session, oauth1, signature",
        #"m.yaml:6:13: a path starts with / and has no query, got "a""#,
        "m.yaml:7:15: expected one of link, link_header, offset, page, token, last",
        "m.yaml:8:15: expected one of body, item, header, link",
        #"m.yaml:9:40: expected one of POST, PUT, PATCH, DELETE, got "GET""#,
        #"m.yaml:10:16: expected one of retry, throttle, unavailable, relogin, conflict, gone, permanent, ambiguous, got "perhaps""#,
      ])
  }

  @Test func `Missing and unused credentials are told by name, never by value`() throws {
    let manifest = try Manifest.named("kinto")
    for auth in [["username": "u"], ["username": "u", "password": "p4ss", "extra": "p4ss"]] {
      #expect {
        _ = try Connector(
          name: "k", manifest: manifest, url: "http://127.0.0.1/v1", auth: auth, client: HTTPClient())
      } throws: { !"\($0)".contains("p4ss") && ("\($0)".contains("password") || "\($0)".contains("extra")) }
    }
  }

  @Test(arguments: ["ftp://x", "http://u:p@x", "http://x?a=b", "x", "http://"])
  func `An address that is not a plain base URL is refused`(_ url: String) throws {
    let manifest = try Manifest.named("sandbox")
    #expect(throws: (any Error).self) {
      _ = try Connector(name: "k", manifest: manifest, url: url, auth: ["token": "t"], client: HTTPClient())
    }
  }

  @Test func `An engine that is not known is told with those that are, and nothing else is judged`() {
    let told = problems("name: x\nengine: soup\nwhatever: 1")
    #expect(
      told.count == 1 && told[0].hasPrefix("m.yaml:2:9: expected one of rest, ") && told[0].hasSuffix(", got \"soup\""))
  }

  @Test func `A key of a connector that its engine has no use for is reported where it is written`() throws {
    let settings = try YAMLDocument(text: "folder: /tmp", file: "tidemark.yaml").root
    #expect {
      _ = try Connector(
        name: "k", manifest: try Manifest.named("sandbox"), url: "http://127.0.0.1", auth: ["token": "t"],
        settings: settings, client: HTTPClient())
    } throws: { "\($0)".contains("tidemark.yaml:1:1: unknown key \"folder\"") }
  }
}
