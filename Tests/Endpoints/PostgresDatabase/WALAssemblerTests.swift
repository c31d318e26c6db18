import Changes
import Postgres
import Testing

@testable import PostgresDatabase

/// What the assembler makes of places, without a server.
struct WALAssemblerTests {
  private static let place = WALPlace(through: LSN(1000), inside: .init(commit: LSN(2000), changes: 3))

  @Test func `a place inside a transaction stays until the transaction is told to its end`() throws {
    var assembler = WALAssembler(from: Self.place)
    assembler.reach(LSN(900))
    assembler.reach(LSN(1500))
    #expect(assembler.place == WALPlace(through: LSN(1500), inside: Self.place.inside))
    assembler.reach(LSN(2500))
    #expect(assembler.place == WALPlace(through: LSN(2500)))
  }

  @Test(arguments: ["wal:0/3E8", "wal:0/3E8+0/7D0+3"])
  func `a place is read as it was written`(_ text: String) {
    #expect(WALPlace(text)?.text == text)
  }

  @Test(arguments: [
    "", "0/3E8", "wal:", "wal:0/3E8+0/7D0", "wal:0/3E8+0/7D0+0", "wal:0/3E8+0/7D0+x", "wal:3E8", "3:3:",
  ])
  func `what is no place is refused`(_ text: String) {
    #expect(WALPlace(text) == nil)
  }

  @Test func `a message that ends anywhere too soon is an error and no trap`() throws {
    let relation: [UInt8] =
      Array("R".utf8) + [0, 0, 0, 9] + Array("public\0t\0d".utf8) + [0, 1, 1] + Array("id\0".utf8) + [0, 0, 0, 23]
      + [255, 255, 255, 255]
    let update: [UInt8] =
      Array("U".utf8) + [0, 0, 0, 9] + Array("K".utf8) + [0, 1] + Array("t".utf8) + [0, 0, 0, 1, 0x31]
      + Array("N".utf8) + [0, 1] + Array("t".utf8) + [0, 0, 0, 1, 0x32]
    for message in [relation, update] {
      _ = try PgOutputMessage(message.span)
      for count in 0..<message.count {
        #expect(throws: PgOutputError.self) { _ = try PgOutputMessage(Array(message[..<count]).span) }
      }
    }
    #expect(throws: PgOutputError.unknown(0x7A)) { _ = try PgOutputMessage([0x7A as UInt8].span) }
  }
}
