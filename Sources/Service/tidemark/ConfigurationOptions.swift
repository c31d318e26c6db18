import ArgumentParser
import Config
import Foundation
import YAML

/// Where the configuration is: the option every command but `sandbox` takes.
struct ConfigurationOptions: ParsableArguments {
  @Option(name: [.short, .long], help: "The configuration file.")
  var config = "tidemark.yaml"

  func load() throws -> Configuration {
    guard FileManager.default.fileExists(atPath: config) else {
      let place = Place(file: config, line: 1, column: 1)
      let hint = "write it, or name another one with --config"
      throw Problems([Problem(place, code: "yaml.file", "there is no such file", hint: hint)])
    }
    return try Configuration.load(path: config, environment: ProcessInfo.processInfo.environment)
  }
}
