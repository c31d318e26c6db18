/// What a status means for a write: the one table in which a failure's fate is decided.
struct ErrorRules: Sendable {
  enum Class: String, Sendable, CaseIterable {
    /// Nothing was written; this record may work later.
    case retry
    /// The whole application cannot be used for now.
    case unavailable
    /// The record is not what the write expected.
    case mismatch
    /// The record does not exist any more.
    case gone
    /// It never will work as it stands.
    case rejected
    /// The write may have happened.
    case ambiguous
  }

  /// What the manifest says, over the defaults.
  var byStatus: [Int: Class]

  /// - Parameter repeatable: whether sending the same again has no second effect. Where it has, a status that a server
  ///   or a gateway may send after the work was done is ambiguous.
  func classify(_ status: Int, repeatable: Bool) -> Class {
    if let said = byStatus[status] { return said }
    switch status {
    case 500, 408, 502, 504:
      if !repeatable { return .ambiguous }
      return status == 500 ? .retry : .unavailable
    case 401, 403, 429, 503: return .unavailable
    case 409, 412: return .mismatch
    case 404, 410: return .gone
    case 400..<500: return .rejected
    // A redirect on a write is refused: following it could repeat the write elsewhere.
    case 300..<400: return .rejected
    default: return repeatable ? .retry : .ambiguous
    }
  }
}
