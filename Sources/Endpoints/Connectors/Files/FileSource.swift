import Files

/// Where an object's records are.
enum FileSource: Sendable, Hashable, CustomStringConvertible {
  case file(String)
  /// All files that a pattern names, in the order of their names.
  case pattern(String)
  case url(String)

  /// The same place has the same words: positions are meant in it.
  var description: String {
    switch self {
    case .file(let path): "file \(path)"
    case .pattern(let pattern): "files \(pattern)"
    case .url(let url): url
    }
  }

  /// What a message calls it: of a URL no more than where it is, since its query may hold a secret.
  var shown: String {
    if case .url(let url) = self { String(url.prefix { $0 != "?" && $0 != "#" }) } else { description }
  }
}
