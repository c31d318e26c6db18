import Changes
import Foundation
import JSON
import Log
import Mapping
import Replay
import Server
import Verify

/// How `backfill --match` tells what it found: keys and names of fields, no values.
struct MeetingOutput {
  let isJSON: Bool

  func progress(_ link: Link) -> MeetingProgress { MeetingProgress(link: link) }

  func show(_ figures: MeetingFigures, _ link: Link) {
    print(isJSON ? json(figures, link).text : text(figures, link).map(ShownText.plain).joined(separator: "\n"))
  }

  func tell(_ linked: Int64, _ link: Link) {
    if !isJSON { print("\(link.name): \(linked) pairs are linked") }
  }

  private func text(_ figures: MeetingFigures, _ link: Link) -> [String] {
    var lines = [
      "\(link.name): \(figures.local.records) records in \(link.local.name), \(figures.remote.records) in"
        + " \(link.remote.name), matched by \(link.match.isEmpty ? "nothing" : link.match.joined(separator: ", "))"
    ]
    func add(_ count: Int64, _ what: String) { if count > 0 { lines.append("  \(count) \(what)") } }
    add(figures.local.linked, "are linked already")
    add(figures.pairs - figures.differing - figures.incomparable, "pair up and are equal")
    let fields = link.mapping.names.compactMap { name in figures.fields[name].map { "\(name) \($0)" } }
    add(figures.differing, "pair up and differ: \(fields.joined(separator: ", "))")
    if !figures.differences.isEmpty {
      let pairs = figures.differences.map { "\(list([$0.local])) / \(list([$0.remote]))" }
      lines.append("    \(pairs.joined(separator: ", "))" + (figures.differing > Int64(pairs.count) ? ", …" : ""))
    }
    add(figures.incomparable, "pair up, but a side holds what the link cannot read")
    add(figures.unresolved, "refer to records of other links that have not met: those fields are not compared")
    for (side, here) in [(figures.local, link.local.name), (figures.remote, link.remote.name)] {
      add(side.alone, "are only in \(here)" + (side.withoutKey > 0 ? ", \(side.withoutKey) of them without a key" : ""))
    }
    if figures.ambiguous > 0 {
      add(figures.ambiguous, "are ambiguous: more than one record has the same \(link.match.joined(separator: ", "))")
      for group in figures.ambiguities.prefix(MeetingFigures.mostNamed) {
        lines.append("    \(list(group.local)) / \(list(group.remote))")
      }
    }
    let writes = [(figures.local, link.local.name), (figures.remote, link.remote.name)].flatMap { side, name in
      [(side.toBeMade, "made"), (side.toBeChanged, "changed")].map { ($0, "to be \($1) in \(name)") }
    }
    for (count, what) in writes { add(count, what) }
    add(figures.undecided, "with a conflict that waits for you")
    return lines
  }

  private func list(_ keys: [RecordKey?]) -> String {
    keys.isEmpty ? "–" : keys.map { $0?.description ?? "–" }.joined(separator: " ")
  }

  private func json(_ figures: MeetingFigures, _ link: Link) -> JSONValue {
    func side(_ side: MeetingFigures.Holding) -> JSONValue {
      [
        "records": .integer(side.records), "linked": .integer(side.linked), "alone": .integer(side.alone),
        "without_key": .integer(side.withoutKey), "ambiguous": .integer(side.ambiguous),
        "to_be_made": .integer(side.toBeMade), "to_be_changed": .integer(side.toBeChanged),
      ]
    }
    func keys(_ keys: [RecordKey]) -> JSONValue { .array(keys.map { .string($0.description) }) }
    return [
      "link": .string(link.name.description), "key": .array(link.match.map { .string($0) }),
      "database": side(figures.local), "application": side(figures.remote), "pairs": .integer(figures.pairs),
      "differing": .integer(figures.differing),
      "fields": .object(
        JSONObject(link.mapping.names.compactMap { name in figures.fields[name].map { (name, .integer($0)) } })),
      "incomparable": .integer(figures.incomparable), "unresolved": .integer(figures.unresolved),
      "undecided": .integer(figures.undecided),
      "differences": .array(
        figures.differences.map { pair in
          [
            "database": .string(pair.local?.description ?? ""), "application": .string(pair.remote?.description ?? ""),
          ]
        }),
      "ambiguities": .array(
        figures.ambiguities.map { ["database": keys($0.local), "application": keys($0.remote)] }),
    ]
  }
}

/// Says now and then how much was read: a million records take a while.
final class MeetingProgress {
  private static let every = Duration.seconds(10)

  private let link: Link
  private var told = ContinuousClock.now

  init(link: Link) { self.link = link }

  func show(_ local: Int64, _ remote: Int64) {
    guard ContinuousClock.now - told >= Self.every else { return }
    told = .now
    printError("tidemark: \(link.name): read \(local) of \(link.local.name), \(remote) of \(link.remote.name)")
  }
}
