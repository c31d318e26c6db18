import Synchronization

/// The numbers of one series.
final class Cell: Sendable {
  struct Numbers: Sendable {
    /// A counter's or gauge's value; the sum of a histogram's observations.
    var value = 0.0
    /// A histogram's observations per bucket, not cumulative; the last bucket is the infinite one.
    var buckets: [UInt64]
  }

  let bounds: [Double]
  let numbers: Mutex<Numbers>

  init(bounds: [Double]) {
    self.bounds = bounds
    numbers = Mutex(Numbers(buckets: Array(repeating: 0, count: bounds.count + 1)))
  }
}

/// A number that only grows while the process lives.
package struct Counter: Sendable {
  let cell: Cell

  /// - Parameter amount: not negative; a negative amount is ignored, since a counter never falls.
  package func increment(by amount: Double = 1) {
    guard amount >= 0 else { return }
    cell.numbers.withLock { $0.value += amount }
  }

  package func increment(by amount: Int) { increment(by: Double(amount)) }

  package var value: Double { cell.numbers.withLock { $0.value } }
}

/// A number that rises and falls.
package struct Gauge: Sendable {
  let cell: Cell

  package func set(_ value: Double) { cell.numbers.withLock { $0.value = value } }

  package func set(_ value: some BinaryInteger) { set(Double(value)) }

  /// In seconds.
  package func set(_ value: Duration) { set(value / .seconds(1)) }

  package var value: Double { cell.numbers.withLock { $0.value } }
}

/// How many observations fell below which bound.
package struct Histogram: Sendable {
  let cell: Cell

  package func observe(_ value: Double) {
    // NaN is below no bound; it would also spoil the sum for good.
    guard !value.isNaN else { return }
    let bucket = cell.bounds.firstIndex { value <= $0 } ?? cell.bounds.count
    cell.numbers.withLock {
      $0.buckets[bucket] += 1
      $0.value += value
    }
  }

  /// In seconds.
  package func observe(_ value: Duration) { observe(value / .seconds(1)) }

  package var count: UInt64 { cell.numbers.withLock { $0.buckets.reduce(0, +) } }
}
