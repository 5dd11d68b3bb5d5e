"""The runtime against a small model: messages, timers, statuses, people, publishings and crashes in any order."""
