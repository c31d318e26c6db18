package import Changes

/// What becomes of a field that both sides changed to different values. Each policy means the same whichever way the sides
/// are told.
package indirect enum FieldPolicy: Hashable, Sendable {
  /// The later change. Too close to call, or a time unknown, is a conflict and not a guess.
  case newest
  case side(Side)
  /// The greater value: of two numbers, two times, two texts. A value stands against none.
  case max
  /// The smaller one.
  case min
  /// What both sides added to the base, or took from it, added up.
  case delta
  /// A set: what one side added is in it, what one side removed is not. A text is a set of the parts between separators.
  case union(separator: String?)
  /// What both sides put into a text or a list, each where it was put; in one place the earlier comes first.
  case append
  /// The value of the side that has one.
  case fillEmpty
  /// Nobody but a person decides.
  case manual
  /// The first that decides. A side that has no value passes the question on to what follows it.
  case first([FieldPolicy])

  /// Whether a value could be counted twice: where an interrupted write may have happened or not, such a policy must not
  /// decide.
  package var accumulates: Bool {
    switch self {
    case .delta, .append: true
    case .first(let policies): policies.contains(where: \.accumulates)
    case .newest, .side, .max, .min, .union, .fillEmpty, .manual: false
    }
  }

  /// Whether two equal changes are two: three more here and three more there are six, and not three.
  var countsEqualChanges: Bool {
    switch self {
    case .delta: true
    case .first(let policies): policies.first?.countsEqualChanges ?? false
    default: false
    }
  }

  /// Whether it only ever picks one of the two sides: what a group of columns can be decided by.
  package var picksASide: Bool {
    switch self {
    case .newest, .side, .manual: true
    case .first(let policies): policies.allSatisfy(\.picksASide)
    case .max, .min, .delta, .union, .append, .fillEmpty: false
    }
  }

  package var name: String {
    switch self {
    case .newest: "newest"
    case .side(.local): "local"
    case .side(.remote): "remote"
    case .max: "max"
    case .min: "min"
    case .delta: "delta"
    case .union: "union"
    case .append: "append"
    case .fillEmpty: "fill-empty"
    case .manual: "manual"
    case .first(let policies): policies.map(\.name).joined(separator: ", ")
    }
  }
}
