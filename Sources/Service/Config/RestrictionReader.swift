import Changes
import Mapping
import YAML

/// Reads what of a table's rows may leave the database: `columns`, `except`, `where` and `mask`.
struct RestrictionReader {
  /// The secret that hashes are made with.
  struct Key {
    fileprivate let isGiven: Bool
    /// Nil where none was given, or it has a problem.
    fileprivate let key: MaskKey?

    init(_ value: YAMLValue?, _ references: References) {
      isGiven = value != nil
      let secret = value.flatMap { references.secret($0) }?.revealed()
      if let secret, secret.utf8.count < MaskKey.shortest {
        value?.report(
          "config.mask-key", "the key is shorter than \(MaskKey.shortest) bytes: it could be found by trying",
          hint: "for example the output of: openssl rand -hex 32")
      }
      key = secret.map { MaskKey($0) }
    }
  }

  let key: Key

  private enum Kind: String, CaseIterable { case hash, mask, drop }

  /// Nil where the table has none of these keys.
  func restriction(_ reader: YAMLReader) -> TableRestriction? {
    let (columns, except, condition, mask) = (reader["columns"], reader["except"], reader["where"], reader["mask"])
    guard columns != nil || except != nil || condition != nil || mask != nil else { return nil }
    var places: [String: Place] = [:]
    let told = columns.map { names($0, &places) }
    var dropped = except.map { names($0, &places) } ?? []
    if columns != nil, let except {
      except.report("config.columns", "columns says already what is told", hint: "use one of columns and except")
    }
    var masks: [String: Mask] = [:]
    for (name, place, kind) in self.kinds(mask, told: told, dropped: dropped) {
      places[name] = place
      switch kind {
      case .drop: dropped.append(name)
      case .masked(let mask): masks[name] = mask
      }
    }
    let choice: RowRestriction.Choice = if let told { .only(told) } else { dropped.isEmpty ? .all : .except(dropped) }
    return TableRestriction(
      rows: RowRestriction(choice, masks: masks, condition: condition.flatMap { text($0) }), columnPlaces: places,
      conditionPlace: condition?.place)
  }

  private func names(_ list: YAMLValue, _ places: inout [String: Place]) -> [String] {
    var found: [String] = []
    for name in list.list({ $0 }) ?? [] {
      guard let text = name.string() else { continue }
      if found.contains(text) { name.report("config.columns", "\"\(text)\" is named twice") }
      found.append(text)
      places[text] = name.place
    }
    return found
  }

  private func text(_ condition: YAMLValue) -> String? {
    guard let text = condition.string() else { return nil }
    guard !text.allSatisfy(\.isWhitespace) else {
      condition.report("config.where", "expected a condition in SQL", hint: "where: \"status <> 'draft'\"")
      return nil
    }
    return text
  }

  private enum Treatment {
    case drop
    case masked(Mask)
  }

  private func kinds(
    _ mask: YAMLValue?, told: [String]?, dropped: [String]
  ) -> [(name: String, place: Place, treatment: Treatment)] {
    let read = mask?.named { column, value -> (name: String, place: Place, treatment: Treatment)? in
      guard let name = column.string(), let kind = value.choice(Kind.self) else { return nil }
      if let told, kind == .drop, told.contains(name) {
        column.report("config.mask", "\"\(name)\" is among columns", hint: "take it out there: that drops it")
      } else if let told, kind != .drop, !told.contains(name) {
        column.report(
          "config.mask", "\"\(name)\" is not among columns, so nothing of it is told", hint: "take it out here")
      } else if dropped.contains(name) {
        column.report("config.mask", "\"\(name)\" is dropped by except", hint: "name it once")
      }
      switch kind {
      case .drop: return (name, column.place, .drop)
      case .mask: return (name, column.place, .masked(.fixed))
      case .hash:
        if !key.isGiven {
          value.report(
            "config.mask-key", "a hash needs a key, or everybody could try values out",
            hint: "add mask_key: \"${env:NAME}\" to the database")
        }
        return key.key.map { (name, column.place, .masked(.hash($0))) }
      }
    }
    return read?.map(\.value) ?? []
  }
}

extension ConfigurationReader {
  /// A link needs what it maps; and a value that is told changed cannot be kept in step both ways: what comes back would be
  /// written over what it stands for.
  func checkRestrictions(_ root: YAMLReader, _ databases: [DatabaseSettings], _ links: [LinkSettings]) {
    for database in databases {
      for table in database.tables {
        guard let restriction = table.restriction else { continue }
        for link in links where link.table == EndpointName(system: database.name, name: table.name) {
          check(restriction, link, root)
        }
      }
    }
  }

  private func check(_ restriction: TableRestriction, _ link: LinkSettings, _ root: YAMLReader) {
    for column in link.mapping.fields.map(\.local) {
      guard let place = restriction.columnPlaces[column] else { continue }
      if case .except(let dropped) = restriction.rows.columns, dropped.contains(column) {
        root.report(
          "config.dropped-column", "link \(link.name) maps \"\(column)\", which is dropped here", at: place,
          hint: "keep it, or take it out of the link's fields")
      } else if restriction.rows.masks[column] != nil, link.direction != .push {
        root.report(
          "config.masked-column", "link \(link.name) writes \"\(column)\" back, so it cannot be masked", at: place,
          hint: "use direction: push, or take the mask away")
      }
    }
  }
}
