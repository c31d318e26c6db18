import Synchronization

/// Everything the process counts and measures, and what stands still in it. Safe to use from anywhere.
///
/// Metrics are declared in `Telemetry+Metrics.swift`, each once. Asking for a series makes it appear with the value 0;
/// code that runs often asks once and keeps the `Counter`, `Gauge` or `Histogram` it got.
package final class Telemetry: Sendable {
  /// More series than this in one family is data in a label. What comes after is counted together as `other`.
  static let seriesLimit = 1_000

  let families = Mutex<[String: MetricFamily]>([:])
  let stalled = Mutex<[StallPlace: Stall]>([:])

  /// - Parameter version: of the running program, shown by `tidemark_build_info`.
  package init(version: String) {
    buildInfo(version: version).set(1)
    logCorruptRecords().increment(by: 0)
  }

  /// All metrics in Prometheus' text format 0.0.4, families and series in a stable order.
  package func exposition() -> String {
    ProcessUsage.current()?.publish(to: self)
    let families = families.withLock { $0 }
    var writer = ExpositionWriter()
    for (name, family) in families.sorted(by: { $0.key < $1.key }) { writer.write(name, family) }
    return writer.text
  }

  /// Takes away every gauge of a link that is replicated no more: the last lag of what is gone is no lag. Counters stay.
  package func forget(link: some CustomStringConvertible) {
    families.withLock { families in
      for (name, family) in families {
        if case .gauge = family.kind { families[name]?.remove(where: "link", is: link.description) }
      }
    }
  }

  /// The MIME type of `exposition()`.
  package static let expositionType = "text/plain; version=0.0.4; charset=utf-8"

  func counter(_ name: String, _ help: String, _ labels: Labels = [:]) -> Counter {
    Counter(cell: cell(name, .counter, help, labels))
  }

  func gauge(_ name: String, _ help: String, _ labels: Labels = [:]) -> Gauge {
    Gauge(cell: cell(name, .gauge, help, labels))
  }

  func histogram(_ name: String, _ help: String, bounds: [Double], _ labels: Labels) -> Histogram {
    Histogram(cell: cell(name, .histogram(bounds: bounds), help, labels))
  }

  private func cell(_ name: String, _ kind: MetricKind, _ help: String, _ labels: Labels) -> Cell {
    families.withLock { families in
      families[name, default: MetricFamily(kind: kind, help: help)].cell(labels, limit: Self.seriesLimit)
    }
  }
}
