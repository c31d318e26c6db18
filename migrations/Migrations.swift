/// One numbered step of a schema, embedded from the `.sql` file beside this one.
package struct Migration: Sendable {
  package let number: Int
  package let name: String
  package let sql: String
}
let probe = PackageResources._001_log_sql
