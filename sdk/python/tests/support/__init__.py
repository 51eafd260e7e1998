"""What tests share: a real server, a person, and a way to wait for things."""
