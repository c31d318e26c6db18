import Changes
import YAML

extension YAMLValue {
  /// `hourly`, `"daily 02:00"` or a cron line by itself, or a mapping with `every` or `at`.
  func schedule(every range: ClosedRange<Duration>) -> Schedule? {
    guard case .mapping = node.content else { return moments() }
    return mapping { $0.schedule(every: range) }
  }

  fileprivate func moments() -> Schedule? {
    guard let text = string() else { return nil }
    do throws(ScheduleError) { return try Schedule(text) } catch {
      report("config.schedule", "\(error)", hint: error.hint)
      return nil
    }
  }
}

extension YAMLReader {
  /// `every: 5m`, or `at: "daily 02:00"`.
  func schedule(every range: ClosedRange<Duration>) -> Schedule? {
    let every = self["every"]
    if let at = self["at"] {
      if let every { every.report("config.schedule", "expected every or at, not both") }
      return at.moments()
    }
    guard let every = every ?? required("every", hint: "for example every: 5m, or at: \"daily 02:00\"") else {
      return nil
    }
    return every.duration(in: range).map { .every($0) }
  }
}
