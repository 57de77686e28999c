"""What happens later: reactions to events, queued work, schedules."""
