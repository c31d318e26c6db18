import ArgumentParser
import Config
import Foundation

/// Where the configuration is: the option every command but `sandbox` takes.
struct ConfigurationOptions: ParsableArguments {
  @Option(name: [.short, .long], help: "The configuration file.")
  var config = "tidemark.yaml"

  func load() throws -> Configuration {
    try Configuration.load(path: config, environment: ProcessInfo.processInfo.environment)
  }
}
