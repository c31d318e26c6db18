/// The members of a JSON object as slices of its text, for who needs a value's own bytes.
package struct JSONMembers: Sendable {
  private let bytes: [UInt8]
  private let places: [String: Range<Int>]

  package init(parsing bytes: [UInt8]) throws(JSONError) {
    self.bytes = bytes
    places = try JSONParser.members(bytes)
  }

  package var names: [String] { Array(places.keys) }

  package subscript(name: String) -> ArraySlice<UInt8>? { places[name].map { bytes[$0] } }
}
