import Changes
package import Config
import YAML

/// What two configurations do differently, in lines for a person. Secrets are compared and not shown.
package struct ConfigurationDifference: Sendable {
  /// `links.customers.pull_interval: 5.0 seconds → 1.0 seconds`, `+ links.orders`, `- databases.old`.
  package let lines: [String]
  /// What only a new process can take over: where the log is, and where it listens.
  package let needsRestart: [String]

  package init(from old: Configuration, to new: Configuration) {
    let (before, after) = (Self.settings(old), Self.settings(new))
    var lines: [String] = []
    for part in before where !after.contains(where: { $0.name == part.name }) { lines.append("- \(part.name)") }
    for part in after {
      guard let former = before.first(where: { $0.name == part.name }) else {
        lines.append("+ \(part.name)")
        continue
      }
      for name in Set(former.values.keys).union(part.values.keys).sorted() {
        let (was, becomes) = (former.values[name], part.values[name])
        guard was != becomes else { continue }
        lines.append("\(part.name)\(name): \(was?.shown ?? "nothing") → \(becomes?.shown ?? "nothing")")
      }
    }
    self.lines = lines
    needsRestart = lines.filter { $0.hasPrefix("log.path") || $0.hasPrefix("http.") }
  }

  /// Every setting of a configuration as it may be shown: secrets by their references, addresses without passwords.
  static func shown(_ configuration: Configuration) -> [(name: String, value: String)] {
    settings(configuration).flatMap { part in
      part.values.sorted { $0.key < $1.key }.map { ("\(part.name)\($0.key)", $0.value.shown) }
    }
  }

  private struct Setting: Equatable {
    let value: String
    let shown: String
  }

  private typealias Part = (name: String, values: [String: Setting])

  private static func settings(_ configuration: Configuration) -> [Part] {
    [
      (
        "log",
        flattened(configuration.retention).merging([
          ".path": Setting(value: configuration.log, shown: configuration.log)
        ]) { $1 }
      ),
      ("http", flattened(configuration.http)),
    ] + configuration.databases.map { ("databases.\($0.name)", flattened($0)) }
      + configuration.connectors.map { ("connectors.\($0.name)", flattened($0)) }
      + configuration.links.map { ("links.\($0.name)", flattened($0)) }
  }

  private static func flattened(_ value: Any) -> [String: Setting] {
    var settings: [String: Setting] = [:]
    flatten(value, "", into: &settings)
    return settings
  }

  /// By reflection, so that a setting which is added later is compared without a word here.
  private static func flatten(_ value: Any, _ path: String, into settings: inout [String: Setting]) {
    switch value {
    // Where something is written is no difference.
    case is Place, is [String: Place]: return
    case let secret as Secret: settings[path] = Setting(value: secret.revealed(), shown: secret.reference)
    case let url as PostgresURL: settings[path] = Setting(value: url.revealed(), shown: "\(url)")
    case let text as any CustomStringConvertible where !(value is any Collection) && !isOptional(value):
      settings[path] = Setting(value: "\(text)", shown: "\(text)")
    default:
      let mirror = Mirror(reflecting: value)
      if mirror.displayStyle == .optional {
        if let content = mirror.children.first?.value { flatten(content, path, into: &settings) }
        return
      }
      guard !mirror.children.isEmpty else {
        if mirror.displayStyle != .collection { settings[path] = Setting(value: "\(value)", shown: "\(value)") }
        return
      }
      if let entries = value as? [String: Any] {
        for (name, entry) in entries { flatten(entry, "\(path).\(name)", into: &settings) }
        return
      }
      for (index, child) in mirror.children.enumerated() {
        flatten(child.value, "\(path).\(child.label.map(spelled) ?? "\(index + 1)")", into: &settings)
      }
    }
  }

  private static func isOptional(_ value: Any) -> Bool { Mirror(reflecting: value).displayStyle == .optional }

  /// `pullInterval` as the configuration spells such names: `pull_interval`.
  private static func spelled(_ label: String) -> String {
    label.map { $0.isUppercase ? "_\($0.lowercased())" : String($0) }.joined()
  }
}
