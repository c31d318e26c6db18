/// How far live changes were behind over the last while. A value.
struct LiveLag {
  /// Samples older than this say nothing of the present.
  private static let window = Duration.seconds(10)
  private static let mostSamples = 600

  private var samples: [(at: ContinuousClock.Instant, seconds: Double)] = []

  mutating func observe(_ seconds: Double, at now: ContinuousClock.Instant) {
    samples.removeAll { now - $0.at > Self.window }
    if samples.count >= Self.mostSamples { samples.removeFirst() }
    samples.append((now, seconds))
  }

  /// The 99th percentile in seconds; 0 without samples.
  var p99: Double {
    let sorted = samples.map(\.seconds).sorted()
    guard !sorted.isEmpty else { return 0 }
    return sorted[min(sorted.count - 1, Int((Double(sorted.count) * 0.99).rounded(.up)) - 1)]
  }
}
