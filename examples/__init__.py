"""What a newcomer finds running: example flows and the small customer API they ask."""
