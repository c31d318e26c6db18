/// The namespaces of SOAP and what stands around it.
enum SOAPNames {
  static let instance = "http://www.w3.org/2001/XMLSchema-instance"
  static let schema = "http://www.w3.org/2001/XMLSchema"
  static let wsdl = "http://schemas.xmlsoap.org/wsdl/"
  static let security = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
  static let utility = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
  static let passwordType = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#"
  static let base64 =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
}

enum SOAPVersion: String, Sendable, CaseIterable {
  case v11 = "1.1"
  case v12 = "1.2"

  var envelope: String {
    self == .v11 ? "http://schemas.xmlsoap.org/soap/envelope/" : "http://www.w3.org/2003/05/soap-envelope"
  }

  /// How a WSDL says that a binding speaks it.
  var binding: String {
    self == .v11 ? "http://schemas.xmlsoap.org/wsdl/soap/" : "http://schemas.xmlsoap.org/wsdl/soap12/"
  }
}
