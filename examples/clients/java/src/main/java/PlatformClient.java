import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** A settlement platform in Java: sends events, takes adjusted settlements back. Usage: see the README beside it. */
public final class PlatformClient {
  static final String BROKERS = System.getenv("KAFKA_BOOTSTRAP_SERVERS");
  static final String PREFIX = System.getenv().getOrDefault("TOPIC_PREFIX", "");
  static final String GROUP = System.getenv("GROUP_ID");
  static final ObjectMapper JSON = new ObjectMapper();

  /** One JSON document a line. Returns when the brokers have all of them, each once and in order. */
  static void produce(Path events) throws Exception {
    Map<String, Object> settings = Map.of("bootstrap.servers", BROKERS, "enable.idempotence", true, "acks", "all");
    var bytes = new ByteArraySerializer();
    try (var producer = new KafkaProducer<>(settings, bytes, bytes)) {
      List<Future<?>> sent = new ArrayList<>();
      for (String line : Files.readAllLines(events)) {
        if (!line.isBlank()) {
          byte[] value = line.getBytes(StandardCharsets.UTF_8);
          sent.add(producer.send(new ProducerRecord<>(PREFIX + "settlement.events", keyOf(value), value)));
        }
      }
      for (Future<?> one : sent) one.get();
    }
  }

  /** A reversal has the key of what it undoes: it must lie behind it, in the same partition. */
  static byte[] keyOf(byte[] event) throws IOException {
    JsonNode document = JSON.readTree(event);
    JsonNode settlement = document.hasNonNull("reverses") ? document.get("reverses") : document;
    return settlement.get("settlement_id").asText().getBytes(StandardCharsets.UTF_8);
  }

  /**
   * Take in what was committed, once each by event_id; stop after `count` records. A platform keeps the ledger as a
   * table with event_id as its key, written in the transaction that books the settlement. Offsets are committed after
   * it: a crash repeats records and loses none, and the ledger drops the repeats.
   */
  static void consume(Path ledger, long count) throws Exception {
    Set<String> seen = new HashSet<>();
    if (Files.exists(ledger)) for (String row : Files.readAllLines(ledger)) seen.add(row.split("\t")[0]);
    Map<String, Object> settings = Map.of("bootstrap.servers", BROKERS, "group.id", GROUP,
        "isolation.level", "read_committed", "enable.auto.commit", false, "auto.offset.reset", "earliest");
    var bytes = new ByteArrayDeserializer();
    try (var consumer = new KafkaConsumer<>(settings, bytes, bytes);
        var file = new FileOutputStream(ledger.toFile(), true)) {
      consumer.subscribe(List.of(PREFIX + "settlement.adjusted"));
      while (count > 0) {
        var records = consumer.poll(Duration.ofSeconds(1));
        for (ConsumerRecord<byte[], byte[]> record : records) {
          JsonNode adjusted = JSON.readTree(record.value());
          if (seen.add(adjusted.get("event_id").asText())) file.write(row(adjusted).getBytes(StandardCharsets.UTF_8));
        }
        if (!records.isEmpty()) {
          file.getFD().sync();
          consumer.commitSync();
          count -= records.count();
        }
      }
    }
  }

  static String row(JsonNode adjusted) {
    return String.join("\t", adjusted.get("event_id").asText(), adjusted.get("settlement_id").asText(),
        adjusted.get("event_type").asText(), adjusted.path("totals").path("fund_amount").asText("-")) + "\n";
  }

  public static void main(String[] args) throws Exception {
    if (args.length == 2 && args[0].equals("produce")) {
      produce(Path.of(args[1]));
    } else if (args.length >= 2 && args[0].equals("consume")) {
      consume(Path.of(args[1]), args.length > 2 ? Long.parseLong(args[2]) : Long.MAX_VALUE);
    } else {
      System.err.println("usage: PlatformClient produce events.jsonl | consume ledger.tsv [how many records]");
      System.exit(2);
    }
  }
}
