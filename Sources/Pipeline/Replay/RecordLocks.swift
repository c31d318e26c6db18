/// Keeps the two directions of a link from deciding about one record at the same time.
///
/// A record is known by several names (its local key, its remote key, the fields it is matched by); a delivery holds
/// all it knows, from reading the record state until the new one is on disk. All names are taken at once or none, so
/// two deliveries never wait for each other.
package actor RecordLocks {
  private var held: Set<String> = []
  private var waiting: [(names: Set<String>, continuation: CheckedContinuation<Void, Never>)] = []

  package init() {}

  /// Waits until none of `names` is held, then holds them all. First come, first served among those who need a name.
  func acquire(_ names: Set<String>) async {
    guard !isTaken(names) else {
      return await withCheckedContinuation { waiting.append((names, $0)) }
    }
    held.formUnion(names)
  }

  func release(_ names: Set<String>) {
    held.subtract(names)
    var wanted: Set<String> = []
    waiting.removeAll { waiter in
      guard held.isDisjoint(with: waiter.names), wanted.isDisjoint(with: waiter.names) else {
        wanted.formUnion(waiter.names)
        return false
      }
      held.formUnion(waiter.names)
      waiter.continuation.resume()
      return true
    }
  }

  private func isTaken(_ names: Set<String>) -> Bool {
    !held.isDisjoint(with: names) || waiting.contains { !$0.names.isDisjoint(with: names) }
  }
}
