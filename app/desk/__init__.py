"""People's side: when they work. Pure arithmetic of open time, and the calendars as the installation stores them."""
