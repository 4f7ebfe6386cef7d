"""The edge to Kafka: lanes, their assignment, the breaker, topics. Nothing here knows of medicine."""
