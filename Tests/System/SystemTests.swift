import Testing

/// The built binary with real processes, databases and sockets. One at a time: each takes the machine's cores for itself.
@Suite(.serialized) enum SystemTests {}
