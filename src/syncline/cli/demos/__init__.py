"""What `syncline demo` shows, one file a demo."""
