"""What feedback means, pure: no engine, no I/O (except `feedback.capture`, which receives it)."""
