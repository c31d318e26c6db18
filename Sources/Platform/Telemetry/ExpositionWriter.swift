import Synchronization

/// Writes metrics in Prometheus' text format 0.0.4
/// (prometheus/docs, content/docs/instrumenting/exposition_formats.md).
struct ExpositionWriter {
  private(set) var text = ""

  mutating func write(_ name: String, _ family: MetricFamily) {
    guard !family.series.isEmpty else { return }
    text += "# HELP \(name) \(Self.escaped(family.help, quotes: false))\n"
    text += "# TYPE \(name) \(family.kind.word)\n"
    let series = family.series.sorted { a, b in a.key.map(\.value).lexicographicallyPrecedes(b.key.map(\.value)) }
    for (labels, cell) in series {
      let numbers = cell.numbers.withLock { $0 }
      switch family.kind {
      case .counter, .gauge: sample(name, labels, Self.number(numbers.value))
      case .histogram(let bounds): histogram(name, labels, bounds, numbers)
      }
    }
  }

  private mutating func histogram(
    _ name: String, _ labels: [MetricFamily.Label], _ bounds: [Double], _ numbers: Cell.Numbers
  ) {
    var count: UInt64 = 0
    for (bound, bucket) in zip(bounds + [.infinity], numbers.buckets) {
      count += bucket
      sample("\(name)_bucket", labels + [.init(name: "le", value: Self.number(bound))], String(count))
    }
    sample("\(name)_sum", labels, Self.number(numbers.value))
    sample("\(name)_count", labels, String(count))
  }

  private mutating func sample(_ name: String, _ labels: [MetricFamily.Label], _ value: String) {
    text += name
    if !labels.isEmpty {
      text += "{" + labels.map { "\($0.name)=\"\(Self.escaped($0.value, quotes: true))\"" }.joined(separator: ",") + "}"
    }
    text += " \(value)\n"
  }

  /// A sample's value as Go's `ParseFloat` reads it; whole numbers without a fraction.
  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    return Int64(exactly: value).map { String($0) } ?? value.description
  }

  static func escaped(_ text: String, quotes: Bool) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": escaped += "\\\\"
      case "\n": escaped += "\\n"
      case "\"" where quotes: escaped += "\\\""
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
