import Changes
import Manifests
package import YAML

/// How an application's API behaves: its name, and what its engine made of the rest. Holds no secrets.
package struct Manifest: Sendable {
  package let name: String
  let engine: any Engine

  /// Reads a manifest and checks it as a whole.
  /// - Parameter file: the name that problems show.
  /// - Throws: everything that is wrong at once, each with line and column.
  package init(text: String, file: String) throws(Problems) {
    self = try YAMLDocument(text: text, file: file).read { root in Manifest(root) }
  }

  /// Reads a manifest from a file of the user's.
  package init(contentsOf path: String) throws(Problems) {
    self = try YAMLDocument(contentsOf: path).read { root in Manifest(root) }
  }

  /// The names of those that ship with Tidemark.
  package static var names: [String] { embeddedManifestNames }

  /// A manifest that ships with Tidemark.
  /// - Throws: `Failure` if there is none of that name, with the names there are.
  package static func named(_ name: String) throws -> Manifest {
    guard let text = embeddedManifest(named: name) else {
      let known = embeddedManifestNames.joined(separator: ", ")
      throw Failure(code: "connector.manifest", message: "there is no manifest '\(name)'; there are \(known)")
    }
    return try Manifest(text: text, file: "\(name).yaml")
  }

  private init?(_ root: YAMLReader) {
    let name = root.required("name")?.string()
    guard let type = Self.engine(root["engine"]) else {
      root.leaveRest()
      return nil
    }
    guard let engine = type.init(root), let name else { return nil }
    self.name = name
    self.engine = engine
  }

  /// Nil after a report.
  private static func engine(_ value: YAMLValue?) -> (any Engine.Type)? {
    guard let value else { return RESTEngine.self }
    guard let text = value.string() else { return nil }
    if let engine = engines.first(where: { $0.name == text }) { return engine }
    value.report(
      "manifest.engine", "expected one of \(engines.map { $0.name }.joined(separator: ", ")), got \"\(text)\"")
    return nil
  }
}
