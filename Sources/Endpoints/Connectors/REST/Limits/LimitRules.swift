import YAML

/// How many requests an application takes.
struct LimitRules: Sendable {
  /// So many requests in any stretch of time of that length.
  struct Rate: Sendable, Hashable {
    var limit: Int
    var per: Duration
    /// Nil for a window. Else a bucket that holds so many and is refilled at this rate.
    var burst: Int?
  }

  /// What an answer says about a rate.
  struct Notice: Sendable, Hashable {
    enum Form: Sendable, Hashable {
      /// A header with what is left.
      case remaining(header: String)
      /// A header that holds `used/limit` somewhere, as in `api-usage=18/15000`.
      case used(header: String)
    }
    var form: Form
    /// Which rate: the one over that time.
    var per: Duration
  }

  /// Requests of a connector in flight at once, whatever they are about.
  var concurrency: Int
  var rates: [Rate]
  /// In hundredths: what is left to others who use the same account.
  var reserve: Int
  var notices: [Notice]

  /// Enough to hide the latency of a distant API, few enough for the most careful of them.
  static let usualConcurrency = 4
  static let usual = LimitRules(concurrency: usualConcurrency, rates: [], reserve: 0, notices: [])
}

extension LimitRules {
  init?(_ reader: YAMLReader) {
    let concurrency = reader["concurrency"]?.integer(in: 1...64) ?? Self.usualConcurrency
    let rates = reader["rates"]?.list { Rate($0) } ?? []
    let reserve = reader["reserve"].map { Self.percent($0) } ?? 0
    let notices = reader["learn"]?.list { value in value.mapping { Notice($0, rates) } } ?? []
    guard let reserve else { return nil }
    self.init(concurrency: concurrency, rates: rates, reserve: reserve, notices: notices)
  }

  private static func percent(_ value: YAMLValue) -> Int? {
    guard let text = value.string() else { return nil }
    if text.hasSuffix("%"), let number = Int(text.dropLast()), (0...90).contains(number) { return number }
    value.report("manifest.limits", "expected a share from 0% to 90%, got \"\(text)\"")
    return nil
  }
}

extension LimitRules.Rate {
  /// `60/1m`, or a mapping of `rate` and `burst`.
  fileprivate init?(_ value: YAMLValue) {
    guard case .mapping = value.node.content else {
      self.init(text: value)
      return
    }
    let read = value.mapping { reader -> Self? in
      let burst = reader["burst"]?.integer(in: 1...100_000)
      guard var rate = reader.required("rate").flatMap({ Self(text: $0) }) else { return nil }
      rate.burst = burst
      return rate
    }
    guard let read else { return nil }
    self = read
  }

  private init?(text value: YAMLValue) {
    guard let text = value.string() else { return nil }
    let parts = text.split(separator: "/", maxSplits: 1).map(String.init)
    guard parts.count == 2, let limit = Int(parts[0]), limit > 0,
      let per = Duration(parts[1].first?.isNumber == true ? parts[1] : "1" + parts[1]), per > .zero
    else {
      value.report("manifest.limits", "expected a rate such as 50/s, 60/1m or 5000/1d, got \"\(text)\"")
      return nil
    }
    self.init(limit: limit, per: per)
  }
}

extension LimitRules.Notice {
  fileprivate init?(_ reader: YAMLReader, _ rates: [LimitRules.Rate]) {
    let remaining = reader["remaining"]?.string().map { Form.remaining(header: $0) }
    let used = reader["used"]?.string().map { Form.used(header: $0) }
    let per = reader.required("per")?.duration(in: .seconds(1) ... .days(31))
    let given = [remaining, used].compactMap { $0 }
    if given.count != 1 { reader.report("manifest.limits", "expected one of remaining, used") }
    if let per, !rates.contains(where: { $0.per == per }) {
      reader.report("manifest.limits", "there is no rate over that time to be corrected", hint: "add it to rates")
    }
    guard let form = given.first, let per else { return nil }
    self.init(form: form, per: per)
  }
}
