/// The names of the manifests that ship with Tidemark, in order.
package let embeddedManifestNames = texts.keys.sorted()

/// The YAML of a manifest that ships with Tidemark.
package func embeddedManifest(named name: String) -> String? {
  texts[name].map { String(decoding: $0, as: UTF8.self) }
}

private let texts: [String: [UInt8]] = [
  "files": PackageResources.files_yaml,
  "kinto": PackageResources.kinto_yaml,
  "sandbox": PackageResources.sandbox_yaml,
  "sql": PackageResources.sql_yaml,
  "webhooks": PackageResources.webhooks_yaml,
]
