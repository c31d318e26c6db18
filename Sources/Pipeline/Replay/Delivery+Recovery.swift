import Changes
import JSON
import Log
import Reconcile

extension Delivery {
  /// The base, with what an interrupted write made both sides share. Without this Tidemark's own value would pass for
  /// somebody's edit, and might win over a newer one.
  ///
  /// A created record that is there now is the one that was created: it was looked for in vain just before. Of an update
  /// the fields that hold what was to be written count. Where the target holds something else nobody can tell
  /// whether the write happened before; the old base stays, and a difference is a conflict.
  func recoveredBase(
    _ base: JSONObject?, _ intents: [Intent], _ fields: JSONObject?, _ target: Target?
  ) -> JSONObject? {
    intents.reduce(base) { base, intent in
      let written = intent.direction == direction ? target?.fields : fields
      guard let written else { return base }
      let shared = intent.isCreate ? intent.fields : intent.fields.filter { written[$0] == intent.fields[$0] }
      return shared.isEmpty ? base : (base ?? [:]).merging(shared)
    }
  }
}

extension Round {
  /// What is to be remembered of the write before it happens. One way, what the target holds is never a reason for
  /// anything, so nothing is; a delete that happened shows by itself.
  var intent: Intent? {
    guard link.isTwoWay else { return nil }
    switch action {
    case .create(let fields): return intent(fields, isCreate: true)
    case .update(let changes): return intent(changes, isCreate: false)
    case .nothing, .delete: return nil
    }
  }

  private func intent(_ fields: JSONObject, isCreate: Bool) -> Intent {
    Intent(link: link.name, direction: direction, key: seen.key, fields: fields, isCreate: isCreate)
  }
}
