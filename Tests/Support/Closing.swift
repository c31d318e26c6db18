import Synchronization

/// Tells writers that the day is over. They end what they have begun: an interrupted write has no known outcome.
package final class Closing: Sendable {
  private let time = Atomic(false)

  package init() {}

  package var isDue: Bool { time.load(ordering: .acquiring) }
  package func call() { time.store(true, ordering: .releasing) }
}
