import Changes
import HTTP
import XML

/// What a fault means: by what the manifest says of its codes, else by whose fault it is.
struct SOAPFates: Sendable {
  let byCode: [String: ErrorRules.Class]

  /// - Parameter repeatable: whether the same call again has no second effect.
  func classify(_ fault: SOAPFault, repeatable: Bool) -> ErrorRules.Class {
    // The special before the general.
    for code in fault.codes.reversed() {
      if let said = byCode[code] { return said }
      switch code {
      // WS-Security 1.1, section 12.
      case "FailedAuthentication", "InvalidSecurity", "InvalidSecurityToken", "SecurityTokenUnavailable":
        return .unavailable
      default: break
      }
    }
    switch fault.codes.first.map({ $0.prefix { $0 != "." } }) {
    case "Client"?, "Sender"?: return .permanent
    case "VersionMismatch"?, "MustUnderstand"?, "DataEncodingUnknown"?: return .unavailable
    default: return repeatable ? .retry : .ambiguous
    }
  }

  /// What a read that failed throws.
  func meaning(_ error: any Error, at place: String) -> any Error {
    switch error {
    case let fault as SOAPFault:
      let failure = Failure(fault, at: place)
      switch classify(fault, repeatable: true) {
      case .retry, .throttle, .unavailable, .relogin, .ambiguous: return EndUnavailable(failure)
      case .conflict, .gone, .permanent: return failure
      }
    case let refused as Refused:
      return (400..<500).contains(refused.status) && ![401, 403, 408, 429].contains(refused.status)
        ? refused.failure : EndUnavailable(refused.failure, after: refused.retryAfter)
    case let error as HTTPError: return error.asRead(at: place)
    default: return error
    }
  }

  /// What a write that failed came to, but for a mismatch, which has to be looked at; nil then.
  func outcome(_ error: any Error, repeatable: Bool, at place: String) -> Outcome? {
    switch error {
    case let fault as SOAPFault:
      let failure = Failure(fault, at: place)
      switch classify(fault, repeatable: repeatable) {
      case .retry: return .retry(failure, after: nil)
      case .throttle, .unavailable, .relogin: return .unavailable(failure, after: nil)
      case .permanent: return .rejected(failure)
      case .ambiguous: return .unknown(failure)
      case .gone: return .mismatch(nil)
      case .conflict: return nil
      }
    case let refused as Refused:
      switch refused.status {
      case 401, 403, 429, 503: return .unavailable(refused.failure, after: refused.retryAfter)
      case 400..<500: return .rejected(refused.failure)
      default: return repeatable ? .retry(refused.failure, after: refused.retryAfter) : .unknown(refused.failure)
      }
    case let error as HTTPError:
      let failure = Failure(error, at: place)
      if error.mayHaveBeenApplied { return .unknown(failure) }
      return error.kind == .invalidRequest ? .rejected(failure) : .unavailable(failure, after: nil)
    // An answer that is no SOAP came after the call was sent.
    case let end as EndUnavailable where end.failure.code == "soap.answer": return .unknown(end.failure)
    case let end as EndUnavailable: return .unavailable(end.failure, after: end.after)
    case let failure as Failure where ["soap.element", "soap.character", "connector.answer"].contains(failure.code):
      return .rejected(failure)
    case let failure as Failure: return .unavailable(failure, after: nil)
    default: return .retry(Failure(code: "soap.apply", message: "\(place): \(type(of: error))"), after: nil)
    }
  }
}

extension Failure {
  /// - Parameter place: what was being done, without ids and values.
  init(_ fault: SOAPFault, at place: String) {
    let code = fault.codes.last ?? "unknown"
    self.init(
      code: "soap.\(code)",
      message: "\(place): the service answered with the fault \(fault.codes.joined(separator: "/")); `faults` in the"
        + " manifest says what becomes of it")
  }
}
