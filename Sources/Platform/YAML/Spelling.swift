/// The word a person most likely meant: the one with the fewest typing errors between it and `word`, if that is
/// at most a third of its letters (and one for the shortest words). Case does not count as an error.
package func nearest(to word: String, among words: some Sequence<String>) -> String? {
  let typed = Array(word.lowercased())
  let close = words.map { (word: $0, errors: typingErrors(typed, Array($0.lowercased()))) }
    .filter { $0.errors <= max(1, $0.word.count / 3) && $0.errors < $0.word.count }
  return close.min { $0.errors == $1.errors ? $0.word < $1.word : $0.errors < $1.errors }?.word
}

/// How many letters were left out, added, mistaken or swapped with their neighbour (optimal string alignment).
private func typingErrors(_ a: [Character], _ b: [Character]) -> Int {
  var beforeLast: [Int] = []
  var last = Array(0...b.count)
  for i in a.indices {
    var row = [i + 1]
    for j in b.indices {
      var errors = min(last[j] + (a[i] == b[j] ? 0 : 1), last[j + 1] + 1, row[j] + 1)
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { errors = min(errors, beforeLast[j - 1] + 1) }
      row.append(errors)
    }
    (beforeLast, last) = (last, row)
  }
  return last[b.count]
}
