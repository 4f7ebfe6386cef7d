"""The watch role: what needs tables, windows and timers, and may lag behind. A Faust app beside the money path."""
