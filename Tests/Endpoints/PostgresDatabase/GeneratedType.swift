import Postgres
import Support

/// A type of the server and values of it, as text for its input function.
struct GeneratedType: Sendable {
  /// As SQL writes it.
  var sql: String
  /// Of its arrays.
  var delimiter = ","
  var isArray = false
  var value: @Sendable (inout SeededNumbers) -> String

  /// An array of one to three dimensions, some with bounds of their own.
  var array: GeneratedType {
    GeneratedType(sql: sql + "[]", isArray: true) { random in
      if random.chance(8) { return "{}" }
      let sizes = (0..<random.pick([1, 1, 1, 2, 3])).map { _ in 1 + random.below(3) }
      let bounds = random.chance(3) ? sizes.map { "[\(-1):\($0 - 2)]" }.joined() + "=" : ""
      return bounds + elements(sizes[...], &random)
    }
  }

  private func elements(_ sizes: ArraySlice<Int>, _ random: inout SeededNumbers) -> String {
    guard let size = sizes.first else {
      return random.chance(6) ? "NULL" : Self.inQuotes(value(&random), quote: "\\\"")
    }
    return "{" + (0..<size).map { _ in elements(sizes.dropFirst(), &random) }.joined(separator: delimiter) + "}"
  }

  /// - Parameter quote: what stands for a quote inside: `\"` in arrays and hstore, `""` in composites.
  static func inQuotes(_ text: String, quote: String) -> String {
    var quoted = "\""
    // By scalars: a quote and a combining mark after it are one character.
    for scalar in text.unicodeScalars {
      quoted += scalar == "\\" ? "\\\\" : scalar == "\"" ? quote : String(scalar)
    }
    return quoted + "\""
  }

  /// Types made from types made before: the statements that make them, and the types.
  static func made(_ count: Int, _ random: inout SeededNumbers) -> (statements: [String], types: [GeneratedType]) {
    var types = builtIn + [hstore]
    var statements: [String] = []
    for number in 0..<count {
      let part = random.chance(2) ? random.pick(types) : random.pick(Array(types.suffix(count)))
      switch random.below(5) {
      case 0 where !part.isArray: types.append(part.array)
      case 1:
        statements.append("CREATE DOMAIN domain_\(number) AS \(part.sql)")
        types.append(GeneratedType(sql: "domain_\(number)", value: part.value))
      case 2:
        let labels = Array(Set((0..<4).map { _ in String(random.nasty(8).prefix(15)) + "x" }))
        let list = labels.map { quoted(postgresLiteral: $0) }.joined(separator: ", ")
        statements.append("CREATE TYPE enum_\(number) AS ENUM (\(list))")
        types.append(GeneratedType(sql: "enum_\(number)") { $0.pick(labels) })
      default:
        let attributes = (0..<(1 + random.below(5))).map { _ in random.chance(2) ? part : random.pick(types) }
        let names = distinctNames(attributes.count + 1, &random)
        let list = zip(names, attributes).map { "\(quoted(postgresIdentifier: $0)) \($1.sql)" }
        let dropped = quoted(postgresIdentifier: names[attributes.count])
        statements.append("CREATE TYPE composite_\(number) AS (\(dropped) integer, \(list.joined(separator: ", ")))")
        statements.append("ALTER TYPE composite_\(number) DROP ATTRIBUTE \(dropped)")
        types.append(
          GeneratedType(sql: "composite_\(number)") { random in
            let fields = attributes.map { random.chance(5) ? "" : inQuotes($0.value(&random), quote: "\"\"") }
            return "(" + fields.joined(separator: ",") + ")"
          })
      }
    }
    return (statements, types)
  }

  /// Names as nasty as the server takes them: at most 63 bytes.
  static func distinctNames(_ count: Int, _ random: inout SeededNumbers) -> [String] {
    var names: Set<String> = []
    while names.count < count { names.insert(random.nasty(12) + "x") }
    return names.shuffled(using: &random)
  }

  static let hstore = GeneratedType(sql: "hstore") { random in
    (0..<random.below(5)).map { _ in
      let value = random.chance(5) ? "NULL" : inQuotes(random.nasty(), quote: "\\\"")
      return "\(inQuotes(random.nasty(4), quote: "\\\""))=>\(value)"
    }.joined(separator: ",")
  }

  /// Every built-in type that a table's column can have and text can be read into, but those that name other objects
  /// of a database, which are strings like the rest.
  static let builtIn: [GeneratedType] =
    [
      GeneratedType(sql: "boolean") { $0.pick(["t", "f"]) },
      GeneratedType(sql: "smallint") { String(Int16.random(in: .min ... .max, using: &$0)) },
      GeneratedType(sql: "integer") { String($0.pick([0, -1, Int32.random(in: .min ... .max, using: &$0)])) },
      GeneratedType(sql: "bigint") { String($0.pick([.min, .max, Int64.random(in: .min ... .max, using: &$0)])) },
      GeneratedType(sql: "numeric") { $0.decimal($0.chance(8) ? 900 : 20) },
      GeneratedType(sql: "numeric(12,4)") { $0.digits(1 + $0.below(8)) + "." + $0.digits(5) },
      GeneratedType(sql: "real") { random in
        let value = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
        return random.chance(4) ? random.pick(floats) : value.isNaN ? "NaN" : "\(value)"
      },
      GeneratedType(sql: "double precision") { random in
        let value = Double(bitPattern: random.next())
        return random.chance(4) ? random.pick(floats + ["1e308", "5e-324"]) : value.isNaN ? "NaN" : "\(value)"
      },
      GeneratedType(sql: "date") {
        $0.chance(8) ? $0.pick(["infinity", "-infinity", "4713-11-24 BC"]) : $0.date(5_874_897)
      },
      GeneratedType(sql: "timestamp") { $0.timestamp() },
      GeneratedType(sql: "timestamp with time zone") { $0.timestamp() },
      GeneratedType(sql: "timestamp(0)") { $0.timestamp() },
      GeneratedType(sql: "time") { $0.chance(9) ? "24:00:00" : $0.time() },
      GeneratedType(sql: "time with time zone") { "\($0.time())\($0.pick(["+00", "-05", "+05:30", "+01:02:03"]))" },
      GeneratedType(sql: "interval") { random in
        "\(random.below(300) - 150) mons \(random.below(60) - 30) days \(random.pick(["", "-"]))\(random.time())"
      },
      GeneratedType(sql: "text") { $0.nasty($0.chance(10) ? 2000 : 16) },
      GeneratedType(sql: "varchar") { $0.nasty() },
      GeneratedType(sql: "char(7)") { String(String.UnicodeScalarView($0.nasty().unicodeScalars.prefix(7))) },
      GeneratedType(sql: "\"char\"") { $0.pick(["", "a", "\"", "\\", ",", "\n"]) },
      GeneratedType(sql: "name") { $0.nasty(40) },
      GeneratedType(sql: "bytea") { "\\x" + ($0.chance(4) ? "" : $0.digits(8)) },
      GeneratedType(sql: "json") { $0.json() },
      GeneratedType(sql: "jsonb") { $0.json() },
      GeneratedType(sql: "xml") { "<a b=\"1\">\($0.digits(3))\\</a>" },
      GeneratedType(sql: "int2vector") { random in (0..<random.below(4)).map { "\($0 - 2)" }.joined(separator: " ") },
      GeneratedType(sql: "oidvector") { random in (0..<random.below(4)).map { "\($0)" }.joined(separator: " ") },
      GeneratedType(sql: "box", delimiter: ";") { "(\($0.below(9)),1.5),(0,\($0.below(9)))" },
      GeneratedType(sql: "money") { "\($0.below(100_000)).\($0.digits(2))" },
      GeneratedType(sql: "int4range") { $0.pick(["empty", "[1,5)", "(,)", "(,7]"]) },
      GeneratedType(sql: "tsrange") { "[\"\($0.date(9000)) 00:00:00\",)" },
      GeneratedType(sql: "datemultirange") { $0.pick(["{}", "{[2020-01-01,2020-02-01),[2021-01-01,)}"]) },
    ] + samples.map { sql, values in GeneratedType(sql: sql) { $0.pick(values) } }

  private static let floats = [
    "0", "-0", "1e15", "1e16", "-1e+20", "1.5e-07", "0.0001", "1e-05", "Infinity", "-Infinity", "NaN",
  ]

  /// Types that are strings, where a few values say all.
  private static let samples = [
    ("uuid", ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]), ("inet", ["10.0.0.1/8", "::1"]), ("cidr", ["10.0.0.0/8"]),
    ("macaddr", ["08:00:2b:01:02:03"]), ("macaddr8", ["08:00:2b:01:02:03:04:05"]), ("bit(3)", ["101"]),
    ("varbit", ["", "10110"]), ("point", ["(1.5,-2e300)"]), ("line", ["{1,2,3}"]), ("lseg", ["[(1,2),(3,4)]"]),
    ("path", ["((1,2),(3,4))", "[(1,2),(3,4)]"]), ("polygon", ["((1,2),(3,4),(5,6))"]), ("circle", ["<(1,2),3>"]),
    ("tsvector", ["a:1 'b c':2A 'it''s'"]), ("tsquery", ["'a' & !'b c'"]), ("jsonpath", ["$.a[*] ? (@ > 1)"]),
    ("oid", ["0", "4294967295"]), ("xid", ["7"]), ("xid8", ["18446744073709551615"]), ("cid", ["1"]),
    ("tid", ["(1,2)"]), ("pg_lsn", ["16/B374D848"]), ("txid_snapshot", ["10:20:10,14"]),
    ("pg_snapshot", ["10:20:10,14"]), ("refcursor", ["c \"1\""]), ("regtype", ["integer", "text[]"]),
    ("regclass", ["pg_class"]), ("aclitem", ["postgres=r/postgres"]), ("int8range", ["[1,9)"]),
    ("numrange", ["[1.50,2)"]), ("tstzrange", ["[\"2020-01-01 00:00:00+02\",)"]), ("daterange", ["[2020-01-01,)"]),
    ("nummultirange", ["{[1.0,2.00],(3,)}"]),
  ]
}
