import Foundation
import Glibc
import HTTP
import JSON
import SQLite
import Support
import Testing

extension SystemTests {
  /// `fixtures/supplier`: a table and a CSV file that are both written, and feeds that come in.
  @Suite(.serialized) struct FileSyncTests {
    /// The example in a folder of its own, with an application that writes the database.
    private struct Supplier {
      let folder = ScratchFolder()
      let stock: SQLiteConnection
      let port = Int.random(in: 10_000..<20_000)

      init() async throws {
        let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
          .appending(path: "../../fixtures/supplier").standardized.path
        for name in ["products.csv", "news.rss", "notes.atom", "tidemark.yaml"] {
          try FileManager.default.copyItem(atPath: "\(fixtures)/\(name)", toPath: folder.file(name))
        }
        let configuration = try String(contentsOfFile: folder.file("tidemark.yaml"), encoding: .utf8)
        try configuration.replacing("127.0.0.1:8642", with: "127.0.0.1:\(port)")
          .write(toFile: folder.file("tidemark.yaml"), atomically: true, encoding: .utf8)
        stock = try await SQLiteConnection(path: folder.file("stock.db"), access: .create)
        let schema = try String(contentsOfFile: "\(fixtures)/stock.sql", encoding: .utf8)
        try await stock.run { try $0.execute(schema) }
      }

      func execute(_ sql: String) async throws { try await stock.transaction { try $0.execute(sql) } }

      /// The rows of a query, each with its values joined by a bar.
      func rows(_ sql: String) async throws -> [String] {
        try await stock.run { session in
          try session.all(sql) { row in (0..<row.columnCount).map { row.string($0) }.joined(separator: "|") }
        }
      }

      var file: String {
        get throws { try String(contentsOfFile: folder.file("products.csv"), encoding: .utf8) }
      }

      /// As a careful program writes it.
      func put(_ text: String) throws {
        try text.write(toFile: folder.file("products.csv"), atomically: true, encoding: .utf8)
      }

      @discardableResult func tidemark(_ arguments: String...) async throws -> Child.Ending {
        try await Child(arguments, in: folder.path).ending()
      }

      func run() async throws -> Child {
        let service = try Child(["run"], in: folder.path)
        _ = try await service.line(after: "tidemark: running; status at ")
        return service
      }

      func get(_ path: String) async throws -> String {
        let request = HTTPRequest("GET", "http://127.0.0.1:\(port)\(path)", timeout: .seconds(10))
        return String(decoding: try await HTTPClient().send(request).body, as: UTF8.self)
      }
    }

    @Test func `A table and a CSV file are kept in step both ways, and feeds come in`() async throws {
      let supplier = try await Supplier()
      let checked = try await supplier.tidemark("check")
      #expect(checked.status == 0, "\(checked.output)\(checked.errors)")
      #expect(try await supplier.tidemark("attach").status == 0)
      let service = try await supplier.run()
      try await eventually("everything came in") {
        try await supplier.rows("SELECT sku FROM products UNION ALL SELECT id FROM news UNION ALL SELECT id FROM notes")
          .count == 7
      }
      #expect(
        try await supplier.rows(
          "SELECT sku, name, price, stock FROM products WHERE sku IN ('C-100', 'F-400') ORDER BY sku") == [
            "C-100|Cup; small|4.5|120", "F-400|Fork\r\nand knife|3.1|400",
          ])
      #expect(
        try await supplier.rows("SELECT title, published_at FROM news ORDER BY id") == [
          "Closed on Sunday|2026-11-20T08:00:00Z", "New bowls & cups|2026-11-23T17:30:00Z",
        ])
      #expect(try await supplier.rows("SELECT title, body FROM notes") == ["Gläser|Handle with care."])

      let before = try supplier.file
      try await supplier.execute(
        """
        UPDATE products SET price = 4.75 WHERE sku = 'C-100'; DELETE FROM products WHERE sku = 'J-300';
        INSERT INTO products (sku, name, price) VALUES ('L-500', '=Lid', 1.99)
        """)
      let expected =
        before.replacing("4.50", with: "4.75").replacing("J-300;Jär;7.25;0;\"\"\r\n", with: "")
        + "L-500;\"'=Lid\";1.99;0;\r\n"
      try await eventually("the file has it, and nothing else is other than it was") { try supplier.file == expected }

      try supplier.put(
        expected.replacing("B-200;\"Bowl \"\"Ebbe\"\"\";12.00;35;\r\n", with: "").replacing(";400;B7", with: ";399;B8")
          + "N-600;New;9;1;C1\r\n")
      try await eventually("the table has it") {
        try await supplier.rows("SELECT sku, stock FROM products ORDER BY sku") == [
          "C-100|120", "F-400|399", "L-500|0", "N-600|1",
        ]
      }

      // A file that is gone deletes nothing, and says so.
      try FileManager.default.moveItem(
        atPath: supplier.folder.file("products.csv"), toPath: supplier.folder.file("away.csv"))
      try await eventually("it is told") { try await supplier.get("/readyz").contains("there is no such file") }
      #expect(try await supplier.rows("SELECT count(*) FROM products") == ["4"])
      try FileManager.default.moveItem(
        atPath: supplier.folder.file("away.csv"), toPath: supplier.folder.file("products.csv"))
      try await eventually("it goes on") { try await !supplier.get("/readyz").contains("there is no such file") }
      let verified = try await supplier.tidemark("verify")
      #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
      service.signal(SIGTERM)
      #expect(await service.ending().status == 0)
    }

    @Test func `Killed again and again while it writes the file, it leaves a whole file and loses nothing`()
      async throws
    {
      let supplier = try await Supplier()
      try await supplier.tidemark("attach")
      var service = try await supplier.run()
      try await eventually("everything came in") { try await supplier.rows("SELECT sku FROM products").count == 4 }
      for turn in 0..<6 {
        try await supplier.execute(
          """
          WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 199)
          INSERT INTO products (sku, name, price) SELECT 'K-\(turn)-' || i, 'a "quoted; name"', 1.5 FROM n
          """)
        let size = try supplier.file.utf8.count
        try await eventually("it writes") { try supplier.file.utf8.count > size }
        try await Task.sleep(for: .milliseconds(Int.random(in: 0..<60)))
        service.signal(SIGKILL)
        _ = await service.ending()
        let lines = try supplier.file.split(separator: "\r\n", omittingEmptySubsequences: false)
        // The one field with a line break in it counts for two, and the file ends with a line end.
        #expect(lines.last == "" && lines.dropFirst().dropLast().allSatisfy { $0.filter { $0 == ";" }.count >= 1 })
        service = try await supplier.run()
      }
      try await eventually("all of it is in the file", within: .seconds(90)) {
        try supplier.file.split(separator: "\r\n").filter { $0.hasPrefix("K-") }.count == 1_200
      }
      let keys = try supplier.file.split(separator: "\r\n").compactMap { $0.split(separator: ";").first }
      #expect(Set(keys).count == keys.count)
      #expect(try await supplier.rows("SELECT count(*) FROM products") == ["1204"])
      let left = try FileManager.default.contentsOfDirectory(atPath: supplier.folder.path).filter {
        $0.contains("products.csv")
      }
      #expect(left == ["products.csv"])
      let verified = try await supplier.tidemark("verify")
      #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
    }
  }
}
