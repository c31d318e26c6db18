/// What a manifest says in short, for who looks for one.
package struct ManifestSummary: Sendable {
  package struct Object: Sendable {
    /// `*` for any.
    package var name: String
    /// Such as `list`, `read`, `find`, `create`, `update`, `delete`.
    package var abilities: [String]
  }

  /// Where the application is, with places for settings; nil: the connector says it.
  package var url: String?
  /// The names under `auth`.
  package var credentials: [String] = []
  /// What each connector says about itself, and what is meant where it does not; nil: it has to.
  package var settings: [(name: String, usual: String?)] = []
  package var objects: [Object] = []
  package var takesWebhooks = false
}

extension Manifest {
  package var engineName: String { type(of: engine).name }
  package var summary: ManifestSummary { engine.summary }
}

extension RESTEngine {
  var summary: ManifestSummary {
    ManifestSummary(
      url: rules.url,
      credentials: rules.authentication.flatMap { $0.credentials(besides: Set(rules.settings.map(\.name))) }.uniqued,
      settings: rules.settings,
      objects: rules.objects.sorted { $0.key < $1.key }.map { name, object in
        let known: [(String, Bool)] = [
          ("list", true), ("read", object.read != nil), ("find", object.find != nil),
          ("create", object.create != nil), ("update", object.update != nil), ("delete", object.delete != nil),
        ]
        return ManifestSummary.Object(name: name, abilities: known.filter(\.1).map(\.0))
      }, takesWebhooks: rules.webhook != nil)
  }
}
