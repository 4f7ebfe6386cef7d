"""What is decided about one event: pure functions over frozen data. No Kafka, no clock, no environment, no logger."""
