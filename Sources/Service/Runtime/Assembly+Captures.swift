import Changes
import Config
import Log

extension Assembly {
  /// Has the tables of links read again that were not captured for a while, since the link or the table was left out. Asked
  /// now and then: another process may take a table off and attach it again.
  func rereadWhatWasLeftOut(_ log: ChangeLog) async throws {
    for (name, database) in databases {
      let lives = try await database.captureLives()
      for link in pushing where link.table.system == name {
        let life = database.polling[link.table.name] == nil ? lives[link.table.name] : "polled"
        if let life { try await log.note(captureLife: life, of: link.name, at: SourceName(name)) }
      }
    }
  }

  /// Forgets the links that are not in the configuration any more: when they come back they are read again.
  func forgetLinksLeftOut(_ log: ChangeLog) async throws { try await log.leaveOut(allBut: pushing.map(\.name)) }

  private var pushing: [LinkSettings] { configuration.links.filter { $0.direction != .pull } }
}
