import Synchronization

/// Whether the changes of a link are delivered. Shared by the loops of the link and whoever pauses it; what it says after a
/// restart is kept in the log (`ChangeLog.pausedLinks`).
package final class LinkGate: Sendable {
  private let isShut = Atomic<Bool>(false)

  package init(isOpen: Bool = true) {
    isShut.store(!isOpen, ordering: .relaxed)
  }

  /// A change that is being written when the gate shuts is written to its end; no other is begun.
  package var isOpen: Bool {
    get { !isShut.load(ordering: .relaxed) }
    set { isShut.store(!newValue, ordering: .relaxed) }
  }
}
