import Changes
import JSON
import Log
import Server
import Verify

/// Prints a report as it is read: a million records are not kept in memory for it.
final class ReportOutput {
  private let format: ReportFormat
  private let sides: SideBySide
  private let title: String
  private var shown = 0
  private var different = 0

  init(_ format: ReportFormat, _ sides: SideBySide, title: String) {
    self.format = format
    self.sides = sides
    self.title = title
  }

  func begin() {
    switch format {
    case .json: break
    case .table: print(ShownText.plain(title))
    case .csv:
      let values = sides.fields.flatMap { ["database \($0)", "application \($0)"] }
      print(Self.csv(["database key", "application key", "state"] + values + parentHeads + ["remark"]))
    case .html:
      let heads = (["Database", "Application", "State"] + sides.fields + parentHeads).map {
        "<th scope=\"col\">\(ShownText.html($0))</th>"
      }
      print(Self.htmlHead(ShownText.html(title)) + "<thead><tr>\(heads.joined())</tr></thead><tbody>")
    }
  }

  func show(_ row: SideBySide.Row) {
    let differing = row.differing(of: sides.fields)
    shown += 1
    if !differing.isEmpty || row.remark != nil { different += 1 }
    switch format {
    case .table: table(row, differing)
    case .csv:
      let values = sides.fields.flatMap { [text(row.local?[$0]), text(row.remote?[$0])] }
      print(
        Self.csv(
          [key(row, .local), key(row, .remote), state(row, differing)] + values + parents(row) + [row.remark ?? ""]))
    case .json: print(json(row, differing).text)
    case .html: html(row, differing)
    }
  }

  func end() {
    switch format {
    case .csv, .json: break
    case .table: print("\(shown) records, \(different) differ")
    case .html: print("</tbody></table><p>\(shown) records, \(different) differ</p></html>")
    }
  }

  private var parentHeads: [String] {
    sides.parentFields.flatMap { field, names in names.map { "\(field).\($0)" } }
  }

  private func parents(_ row: SideBySide.Row) -> [String] {
    sides.parentFields.flatMap { field, names in names.map { text(row.parents[field]?[$0]) } }
  }

  private func key(_ row: SideBySide.Row, _ side: Side) -> String { row.record[side]?.description ?? "" }

  private func text(_ value: JSONValue?) -> String { value.map { $0.isNull ? "" : $0.plainText } ?? "" }

  private func state(_ row: SideBySide.Row, _ differing: [String]) -> String {
    if row.remark != nil { return "incomparable" }
    if row.local == nil { return "missing in the database" }
    if row.remote == nil { return "missing in the application" }
    return differing.isEmpty ? "equal" : "different"
  }

  /// A record a paragraph: its keys and state, then the fields, those that differ with both values.
  private func table(_ row: SideBySide.Row, _ differing: [String]) {
    let state = state(row, differing)
    print(ShownText.plain("\(state == "equal" ? " " : "≠") \(key(row, .local)) / \(key(row, .remote))  \(state)"))
    for field in sides.fields {
      let (local, remote) = (text(row.local?[field]), text(row.remote?[field]))
      let isDifferent = differing.contains(field) && row.local != nil && row.remote != nil
      print(
        ShownText.plain(
          isDifferent
            ? "    ≠ \(field): database \(local), application \(remote)"
            : "      \(field): \(row.local == nil ? remote : local)"))
    }
    for (head, value) in zip(parentHeads, parents(row)) where !value.isEmpty {
      print(ShownText.plain("      \(head): \(value)"))
    }
    if let remark = row.remark { print(ShownText.plain("      \(remark)")) }
  }

  private func json(_ row: SideBySide.Row, _ differing: [String]) -> JSONValue {
    func object(_ object: JSONObject?) -> JSONValue { object.map { .object($0) } ?? .null }
    return [
      "local_key": row.record.local.map { .string($0.description) } ?? .null,
      "remote_key": row.record.remote.map { .string($0.description) } ?? .null,
      "state": .string(state(row, differing)), "database": object(row.local), "application": object(row.remote),
      "differing": .array(
        row.local == nil || row.remote == nil ? [] : differing.map { .string($0) }),
      "refers_to": .object(JSONObject(row.parents.sorted { $0.key < $1.key }.map { ($0.key, .object($0.value)) })),
      "remark": row.remark.map { .string($0) } ?? .null,
    ]
  }

  private func html(_ row: SideBySide.Row, _ differing: [String]) {
    let fields = sides.fields.map { field -> String in
      let (local, remote) = (ShownText.html(text(row.local?[field])), ShownText.html(text(row.remote?[field])))
      guard row.local != nil, row.remote != nil, differing.contains(field) else {
        return "<td>\(row.local == nil ? remote : local)</td>"
      }
      return "<td class=\"ne\">\(local) <b>≠</b> \(remote)</td>"
    }
    let state = state(row, differing)
    let keys = Side.allCases.map { "<td>\(ShownText.html(key(row, $0)))</td>" }
    let rest = parents(row).map { "<td>\(ShownText.html($0))</td>" }
    print(
      "<tr>\(keys.joined())<td\(state == "equal" ? "" : " class=\"ne\"")>\(state)</td>\(fields.joined())\(rest.joined())</tr>"
    )
  }

  private static func htmlHead(_ title: String) -> String {
    """
    <!doctype html>
    <html lang="en"><meta charset="utf-8"><title>\(title)</title>
    <style>body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5rem } table { border-collapse: collapse }
    th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #dde5ea; vertical-align: top }
    .ne { background: #fdeecd }</style>
    <h1>\(title)</h1><table>
    """
  }

  /// RFC 4180. What a spreadsheet would take for a formula begins with an apostrophe instead (OWASP, "CSV Injection").
  static func csv(_ cells: [String]) -> String {
    cells.map { cell in
      let isNumber = Double(cell) != nil
      let risky = cell.first.map { "=+-@\t\r".contains($0) } ?? false
      let safe = risky && !isNumber ? "'" + cell : cell
      let needsQuotes = safe.contains { ",\"\n\r".contains($0) } || safe != cell
      return needsQuotes ? "\"" + safe.replacing("\"", with: "\"\"") + "\"" : safe
    }.joined(separator: ",")
  }
}
