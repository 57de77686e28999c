"""The outside world, a folder each: a real client and an emulator that speaks the same protocol."""
