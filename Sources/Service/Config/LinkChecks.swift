import Changes
import Mapping
import YAML

/// What only shows when all links are seen together.
extension ConfigurationReader {
  func checkTogether(_ links: Named<LinkReader.ReadLink>) {
    for (index, link) in links.values.enumerated() {
      refuseTwin(link.settings, of: links.values[..<index].map(\.settings), at: link)
      for reference in link.references { check(reference, of: link.settings, links) }
    }
    refuseCycles(links.values)
  }

  private func refuseTwin(_ link: LinkSettings, of earlier: [LinkSettings], at read: LinkReader.ReadLink) {
    let twin = earlier.first { $0.table == link.table && $0.object == link.object }
    guard let twin else { return }
    read.name.report(
      "config.twin", "\"\(link.name)\" and \"\(twin.name)\" link the same table and object", hint: "join them")
  }

  private func check(_ reference: YAMLValue, of link: LinkSettings, _ links: Named<LinkReader.ReadLink>) {
    guard let name = reference.string() else { return }
    guard links.names.contains(name) else {
      let guess = nearest(to: name, among: links.names).map { "did you mean \"\($0)\"?" }
      reference.report(
        "config.unknown-link", "there is no link \"\(name)\"",
        hint: guess ?? "known: \(links.names.joined(separator: ", "))")
      return
    }
    guard let other = links.values.first(where: { $0.settings.name.description == name })?.settings else { return }
    if other.table.system != link.table.system || other.object.system != link.object.system {
      reference.report(
        "config.reference", "\"\(name)\" links \(other.table.system) with \(other.object.system)",
        hint: "a reference needs a link between \(link.table.system) and \(link.object.system), whose ids it uses")
    }
  }

  /// Records wait for the records they refer to; in a circle of links all could wait for each other. A link that refers
  /// to itself (a tree) is no such circle: its records begin with those that have no parent.
  private func refuseCycles(_ links: [LinkReader.ReadLink]) {
    let byName = Dictionary(links.map { ($0.settings.name.description, $0) }) { first, _ in first }
    var done: Set<String> = []

    func visit(_ link: LinkReader.ReadLink, path: [String]) {
      let name = link.settings.name.description
      for reference in link.references {
        guard let next = reference.node.text, next != name, let other = byName[next] else { continue }
        if let start = (path + [name]).firstIndex(of: next) {
          let circle = ((path + [name])[start...] + [next]).joined(separator: " → ")
          reference.report("config.cycle", "links refer to each other in a circle: \(circle)", hint: "drop one of them")
        } else if !done.contains(next) {
          visit(other, path: path + [name])
        }
      }
      done.insert(name)
    }
    for link in links where !done.contains(link.settings.name.description) { visit(link, path: []) }
  }
}
