import ArgumentParser
import Changes
import Mapping
import YAML

/// A moment as a person writes it: a time, a day (in UTC), or how long ago.
struct TimeArgument: ExpressibleByArgument {
  private enum Meaning {
    case at(Timestamp)
    case ago(Duration)
  }

  private let meaning: Meaning

  init?(argument: String) {
    if let duration = Duration(argument) {
      meaning = .ago(duration)
    } else if let moment = Timestamp(instant: argument) ?? Timestamp(instant: argument + "T00:00:00Z") {
      meaning = .at(moment)
    } else {
      return nil
    }
  }

  func moment(before now: Timestamp) -> Timestamp {
    switch meaning {
    case .at(let moment): moment
    case .ago(let duration): now.advanced(by: .zero - duration)
    }
  }
}

/// `500/s`, or `500`.
struct RateArgument: ExpressibleByArgument {
  let perSecond: Int

  init?(argument: String) {
    let text = argument.hasSuffix("/s") ? String(argument.dropLast(2)) : argument
    guard let number = Int(text), number > 0 else { return nil }
    perSecond = number
  }
}

/// A whole number with a unit: `500ms`, `5s`, `2m`.
struct DurationArgument: ExpressibleByArgument {
  let duration: Duration

  init(duration: Duration) { self.duration = duration }

  init?(argument: String) {
    guard let duration = Duration(argument) else { return nil }
    self.duration = duration
  }

  var defaultValueDescription: String { duration.shortest }
}
