let probe = PackageResources.sandbox_yaml
