import JSON

/// How an application's REST API behaves, as values that were checked when the YAML was read. Holds no secrets.
struct RESTRules: Sendable {
  /// Where the API is, unless the connector's configuration says otherwise; a template.
  var url: String?
  /// What a connector may say about itself, with what is meant where it does not; nil: it has to. In templates by name.
  var settings: [(name: String, usual: String?)]
  /// All of them are used at once.
  var authentication: [AuthenticationRules]
  /// Sent with every request; templates.
  var headers: [(name: String, value: String)]
  /// `*` stands for any object that has no rules of its own; `{object}` in its paths is the object's name.
  var objects: [String: ObjectRules]
  var errors: ErrorRules
  var limits: LimitRules
  var batch: BatchRules?
  var webhook: ReceiverRules?

  /// The rules for `object`.
  func rules(for object: String) -> ObjectRules? { objects[object] ?? objects["*"] }
}

/// Several requests in the body of one.
struct BatchRules: Sendable {
  var path: String
  /// At most so many in one.
  var size: Int
  /// Path in the body to the list of requests.
  var requests: String
  /// One of them, with `{number}`, `{method}`, `{path}`, `{relative}`, `{absolute}`, `{headers}` and `{body}`.
  var request: JSONValue
  /// Path in the answer to the list of answers.
  var responses: String
  /// Path in an answer to the number of its request; nil: they come in the order of the requests.
  var number: String?
  var status: String
  var headers: String?
  var body: String
}
