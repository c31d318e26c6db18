/// The version of this program, as `--version`, the metrics and the status page tell it.
package let tidemarkVersion = "0.1.0"
