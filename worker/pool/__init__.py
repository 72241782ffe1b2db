"""Where tasks run: threads that keep time limits, a process apart for what is suspect, an end when told to."""
