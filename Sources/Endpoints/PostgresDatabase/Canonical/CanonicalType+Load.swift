package import Postgres

extension CanonicalType {
  /// What the catalogue says of types, of which those they are made from: elements, attributes, what a domain is over.
  ///
  /// One statement, so that the answer is of one moment. A type may be altered later (`ALTER TYPE … ADD ATTRIBUTE`);
  /// whoever keeps the answer loads again when `append` says that a text is not of its type.
  ///
  /// - Parameter oids: as `pg_attribute.atttypid` and pgoutput's relation message have them.
  /// - Returns: a type for each OID that exists.
  package static func load(
    _ oids: some Sequence<UInt32>, _ session: PostgresSession
  ) throws -> [UInt32: CanonicalType] {
    var entries: [UInt32: CatalogEntry] = [:]
    let wanted = Set(oids)
    let list = "{" + wanted.map { String($0) }.joined(separator: ",") + "}"
    try session.rows(Self.catalog, [.text(list)]) { row in
      let oid = UInt32(truncatingIfNeeded: row.integer(0))
      var entry =
        entries[oid]
        ?? CatalogEntry(
          name: row.string(1), kind: row.string(2), part: UInt32(truncatingIfNeeded: row.integer(3)),
          delimiter: UInt8(truncatingIfNeeded: row.integer(4)))
      if let attribute = row.optionalString(5) {
        entry.attributes.append((attribute, UInt32(truncatingIfNeeded: row.integer(6))))
      }
      entries[oid] = entry
    }
    var types: [UInt32: CanonicalType] = [:]
    for oid in wanted where entries[oid] != nil { _ = type(oid, entries, &types, depth: 0) }
    return types.filter { wanted.contains($0.key) }
  }

  private struct CatalogEntry {
    var name: String
    /// `domain`, `composite`, `array`, `hstore`, `cast` or `plain`.
    var kind: String
    /// What a domain is over, or an array's element.
    var part: UInt32
    var delimiter: UInt8
    var attributes: [(name: String, type: UInt32)] = []
  }

  /// Deeper than any type that serves a purpose. The server lets no type contain itself.
  private static let deepest = 64

  /// - Parameter known: types already made, each made once.
  private static func type(
    _ oid: UInt32, _ entries: [UInt32: CatalogEntry], _ known: inout [UInt32: CanonicalType], depth: Int
  ) -> CanonicalType {
    if let type = known[oid] { return type }
    guard let entry = entries[oid], depth < deepest else { return .unsupported("type \(oid)") }
    let made: CanonicalType =
      switch entry.kind {
      case "domain": type(entry.part, entries, &known, depth: depth + 1)
      case "array": array(oid, of: type(entry.part, entries, &known, depth: depth + 1), entry.delimiter)
      case "composite":
        .composite(
          CanonicalRow(entry.attributes.map { ($0.name, type($0.type, entries, &known, depth: depth + 1).checked) }))
      case "hstore": .hstore
      case "cast": .unsupported(entry.name)
      default: builtIn(oid)
      }
    known[oid] = made
    return made
  }

  /// The type as an attribute of a composite type, which may be altered behind our back so that text of another type
  /// comes: `jsonb` is then not copied unseen, or a row would end up that is no JSON. A column is not altered without
  /// the table's telling.
  private var checked: CanonicalType {
    switch self {
    case .jsonb: .json
    case .array(let element, let delimiter): .array(of: element.checked, delimiter: delimiter)
    default: self
    }
  }

  /// OIDs of built-in types never change (`pg_type.dat`).
  private static func builtIn(_ oid: UInt32) -> CanonicalType {
    switch oid {
    case 16: .boolean
    // int8, int2, int4, float4, float8, numeric
    case 20, 21, 23, 700, 701, 1700: .number
    // timestamp, timestamptz
    case 1114, 1184: .timestamp
    case 114: .json
    case 3802: .jsonb
    default: .text
    }
  }

  private static func array(_ oid: UInt32, of element: CanonicalType, _ delimiter: UInt8) -> CanonicalType {
    // int2vector, oidvector
    oid == 22 || oid == 30 ? .vector(of: element) : .array(of: element, delimiter: delimiter)
  }

  /// A row for each type, and for a composite type one for each attribute. As in the server, only types that are not
  /// built in are asked for a cast to json, and only one made of a function counts.
  private static let catalog = """
    WITH RECURSIVE needed (oid) AS (
      SELECT unnest($1::oid[])
      UNION
      SELECT part.oid
      FROM needed JOIN pg_catalog.pg_type t ON t.oid = needed.oid
      CROSS JOIN LATERAL (
        SELECT t.typbasetype WHERE t.typtype = 'd'
        UNION ALL SELECT t.typelem WHERE t.typelem <> 0
        UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a
        WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
      ) AS part (oid)
    )
    SELECT t.oid, pg_catalog.format_type(t.oid, NULL),
      CASE
        WHEN t.typtype = 'd' THEN 'domain'
        WHEN t.typtype = 'c' THEN 'composite'
        WHEN t.typelem <> 0 AND t.typsubscript = 'pg_catalog.array_subscript_handler'::regproc THEN 'array'
        WHEN c.castfunc IS NULL THEN 'plain'
        WHEN f.prosrc = 'hstore_to_json' AND EXISTS (
          SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
          WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = f.oid AND d.deptype = 'e'
            AND d.refclassid = 'pg_catalog.pg_extension'::regclass AND e.extname = 'hstore') THEN 'hstore'
        ELSE 'cast'
      END,
      CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.typelem END,
      ascii(element.typdelim::text), a.attname, a.atttypid
    FROM needed
    JOIN pg_catalog.pg_type t ON t.oid = needed.oid
    LEFT JOIN pg_catalog.pg_type element ON element.oid = t.typelem
    LEFT JOIN pg_catalog.pg_attribute a
      ON t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_cast c
      ON c.castsource = t.oid AND c.casttarget = 'pg_catalog.json'::regtype AND c.castmethod = 'f' AND t.oid >= 16384
    LEFT JOIN pg_catalog.pg_proc f ON f.oid = c.castfunc
    ORDER BY t.oid, a.attnum
    """
}
