/// Label names, fixed where a metric is declared, with the values of one series.
typealias Labels = KeyValuePairs<String, any CustomStringConvertible>

enum MetricKind: Sendable {
  case counter
  case gauge
  /// Upper bounds of the buckets, ascending, without the infinite one.
  case histogram(bounds: [Double])

  /// The word in a `# TYPE` line.
  var word: String {
    switch self {
    case .counter: "counter"
    case .gauge: "gauge"
    case .histogram: "histogram"
    }
  }

  var bounds: [Double] {
    if case .histogram(let bounds) = self { bounds } else { [] }
  }
}

/// All series of one metric name.
struct MetricFamily: Sendable {
  struct Label: Hashable, Sendable {
    let name: String
    let value: String
  }

  /// A label value is a name somebody configured; anything longer is a mistake that would fill every scrape.
  static let longestValue = 200

  let kind: MetricKind
  let help: String
  private(set) var series: [[Label]: Cell] = [:]

  init(kind: MetricKind, help: String) {
    self.kind = kind
    self.help = help
  }

  /// The cell of a series, made on first use; the shared cell `other` once there are `limit` of them.
  mutating func cell(_ labels: Labels, limit: Int) -> Cell {
    let key = labels.map { Label(name: $0.key, value: String($0.value.description.prefix(Self.longestValue))) }
    if let cell = series[key] { return cell }
    let place = series.count < limit ? key : labels.map { Label(name: $0.key, value: "other") }
    if let cell = series[place] { return cell }
    let cell = Cell(bounds: kind.bounds)
    series[place] = cell
    return cell
  }
  mutating func remove(where label: String, is value: String) {
    series = series.filter { !$0.key.contains(Label(name: label, value: value)) }
  }
}
