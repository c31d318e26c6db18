import Foundation
import JSON

/// One number that was measured, and the bar it is held against.
struct Figure {
  enum Bar {
    case atLeast(Double)
    case atMost(Double)
  }

  let name: String
  let value: Double
  let unit: String
  let bar: Bar?
  /// Of the runs that the value is the median of; empty where it is no median.
  let all: [Double]

  init(_ name: String, _ value: Double, _ unit: String, _ bar: Bar? = nil) {
    self.init(name, value: value, unit, bar, all: [])
  }

  /// The median of several runs.
  init(_ name: String, median values: [Double], _ unit: String, _ bar: Bar? = nil) {
    self.init(name, value: values.quantile(0.5), unit, bar, all: values)
  }

  private init(_ name: String, value: Double, _ unit: String, _ bar: Bar?, all: [Double]) {
    self.name = name
    self.value = value
    self.unit = unit
    self.bar = bar
    self.all = all
  }

  private var isMet: Bool? {
    switch bar {
    case nil: nil
    case .atLeast(let bound): value >= bound
    case .atMost(let bound): value <= bound
    }
  }

  var line: String {
    var line = "\(name): \(Self.text(value)) \(unit)"
    if all.count > 1 { line += "  (\(all.map(Self.text).joined(separator: ", ")))" }
    switch bar {
    case nil: break
    case .atLeast(let bound): line += "  bar: at least \(Self.text(bound)), \(isMet == true ? "met" : "MISSED")"
    case .atMost(let bound): line += "  bar: at most \(Self.text(bound)), \(isMet == true ? "met" : "MISSED")"
    }
    return line
  }

  var json: JSONValue {
    [
      "name": .string(name), "value": Self.json(value), "unit": .string(unit),
      "met": isMet.map(JSONValue.bool) ?? .null, "runs": .array(all.map(Self.json)),
    ]
  }

  /// Three digits that matter, more where the number has more before its point.
  private static func text(_ value: Double) -> String {
    String(format: abs(value) >= 100 ? "%.0f" : abs(value) >= 10 ? "%.1f" : "%.3g", value)
  }

  private static func json(_ value: Double) -> JSONValue {
    JSONNumber(text: String(format: "%.6g", value)).map(JSONValue.number) ?? .null
  }
}

extension [Double] {
  /// The smallest value that at least this share of the values does not exceed; NaN without values.
  func quantile(_ share: Double) -> Double {
    let sorted = sorted()
    guard !sorted.isEmpty else { return .nan }
    return sorted[Swift.min(sorted.count - 1, Swift.max(0, Int((Double(sorted.count) * share).rounded(.up)) - 1))]
  }
}

extension Duration {
  var seconds: Double { self / .seconds(1) }
  var milliseconds: Double { self / .milliseconds(1) }
}

/// How long a piece of work took.
func timed<Result>(_ work: () async throws -> Result) async rethrows -> (seconds: Double, result: Result) {
  let started = ContinuousClock.now
  let result = try await work()
  return ((ContinuousClock.now - started).seconds, result)
}

/// Milliseconds since 1970 by this machine's clock.
func wallClock() -> Double {
  Date().timeIntervalSince1970 * 1000
}
