package import Changes
package import Mapping
package import Reconcile

/// One table paired with one object, ready to run. Which end is which kind nobody here can tell.
package struct Link: Sendable {
  package struct End: Sendable {
    package let name: EndpointName
    package let target: any ChangeTarget

    package init(name: EndpointName, target: any ChangeTarget) {
      self.name = name
      self.target = target
    }
  }

  package let name: LinkName
  package let local: End
  package let remote: End
  package let mapping: FieldMapping
  /// The linked fields (by local name) that tell which records belong together before their keys are known.
  package let match: [String]
  package let policy: ConflictPolicy
  /// One way, the source is right whatever the target holds; both ways, three-way merge and policy decide.
  package let isTwoWay: Bool
  /// The local column that receives the remote key of a record; not a linked field.
  package let idColumn: String?
  /// What each direction may do to its target before somebody is asked; a direction that is left out may do anything.
  package let guards: [Direction: GuardSettings]

  package init(
    name: LinkName, local: End, remote: End, mapping: FieldMapping, match: [String], policy: ConflictPolicy,
    isTwoWay: Bool, idColumn: String?,
    guards: [Direction: GuardSettings] = [:]
  ) {
    self.name = name
    self.local = local
    self.remote = remote
    self.mapping = mapping
    self.match = match
    self.policy = policy
    self.isTwoWay = isTwoWay
    self.idColumn = idColumn
    self.guards = guards
  }

  package subscript(side: Side) -> End { side == .local ? local : remote }
}
