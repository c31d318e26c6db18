import JSON

/// A misfortune the sandbox was asked for.
struct SandboxFault: Sendable, Hashable {
  enum Kind: Sendable, Hashable {
    /// Answers with this status and does nothing else.
    case status(Int, retryAfterSeconds: Int64?)
    /// Waits, then does what was asked.
    case slow(milliseconds: Int64)
    /// Closes the connection; nothing was done.
    case dropBefore
    /// Does what was asked, and closes the connection without an answer.
    case dropAfter
  }

  var kind: Kind
  /// Requests it still strikes; nil: for good.
  var remaining: Int64?
  /// Only requests of this method; nil: any.
  var method: String?
  /// Only requests whose path starts with this.
  var path: String
  /// How likely it strikes a request that it is for.
  var probability: Double
  var random: SplitMix

  /// The body of `POST /sandbox/faults`; nil with what is wrong.
  init(_ body: JSONObject) throws(SandboxFaultError) {
    kind = try Self.kind(body)
    probability = body["probability"].flatMap { Double($0.plainText) } ?? 1
    guard (0...1).contains(probability) else { throw SandboxFaultError(detail: "probability is from 0 to 1") }
    remaining = body["next"]?.integerValue ?? (body["probability"] == nil ? 1 : nil)
    method = body["method"]?.stringValue
    path = body["path"]?.stringValue ?? "/api/"
    random = SplitMix(seed: UInt64(clamping: body["seed"]?.integerValue ?? 1))
  }

  private static func kind(_ body: JSONObject) throws(SandboxFaultError) -> Kind {
    switch body["fault"]?.stringValue {
    case "status":
      guard let status = body["status"]?.integerValue, (400...599).contains(status) else {
        throw SandboxFaultError(detail: "status is expected to be 400 to 599")
      }
      return .status(Int(status), retryAfterSeconds: body["retry_after"]?.integerValue)
    case "slow":
      guard let milliseconds = body["ms"]?.integerValue, (0...600_000).contains(milliseconds) else {
        throw SandboxFaultError(detail: "ms is expected to be 0 to 600000")
      }
      return .slow(milliseconds: milliseconds)
    case "drop_before": return .dropBefore
    case "drop_after": return .dropAfter
    case let other:
      throw SandboxFaultError(
        detail: "fault is expected to be status, slow, drop_before or drop_after, got: \(other ?? "nothing")")
    }
  }
}

struct SandboxFaultError: Error {
  let detail: String
}

/// The faults in waiting, oldest first.
struct SandboxFaults: Sendable {
  private(set) var waiting: [SandboxFault] = []

  mutating func add(_ fault: SandboxFault) { waiting.append(fault) }

  mutating func removeAll() { waiting = [] }

  /// The fault that strikes this request, if one does. The first that is for it and strikes is used up by one.
  mutating func strike(method: String, path: String) -> SandboxFault.Kind? {
    for index in waiting.indices
    where (waiting[index].method ?? method) == method && path.hasPrefix(waiting[index].path) {
      guard waiting[index].random.next() < waiting[index].probability else { continue }
      let kind = waiting[index].kind
      if let remaining = waiting[index].remaining {
        waiting[index].remaining = remaining - 1
        if remaining <= 1 { waiting.remove(at: index) }
      }
      return kind
    }
    return nil
  }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers for the same seed, everywhere.
struct SplitMix: Sendable, Hashable {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// From 0 up to, not including, 1.
  mutating func next() -> Double {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Double((z ^ (z >> 31)) >> 11) / Double(1 << 53)
  }
}
