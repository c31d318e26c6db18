import Changes

/// How fast databases fill what they may keep for changes nobody has read.
struct FillPace {
  private struct Sample {
    var bytes: Int64
    var at: ContinuousClock.Instant
    /// Bytes a second, smoothed over about a minute.
    var rate: Double
  }

  private static let memory = 60.0
  private var samples: [String: Sample] = [:]

  /// When the database begins to let changes go if it goes on as it does; nil where it does not fill up, or has no limit.
  mutating func fullIn(_ database: String, _ vitals: DatabaseVitals, at now: ContinuousClock.Instant) -> Duration? {
    var sample = samples[database] ?? Sample(bytes: vitals.retainedBytes, at: now, rate: 0)
    let seconds = (now - sample.at) / .seconds(1)
    if seconds > 0 {
      let share = min(1, seconds / Self.memory)
      sample.rate += share * (Double(vitals.retainedBytes - sample.bytes) / seconds - sample.rate)
    }
    (sample.bytes, sample.at) = (vitals.retainedBytes, now)
    samples[database] = sample
    guard let room = vitals.safeBytes else { return nil }
    if room == 0 { return .zero }
    return sample.rate >= 1 ? .seconds(Double(room) / sample.rate) : nil
  }
}
