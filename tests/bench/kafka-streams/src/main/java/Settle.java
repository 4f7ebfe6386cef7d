import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Properties;
import java.util.UUID;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;

/**
 * A settle worker as one would write it with Kafka Streams, exactly_once_v2, one thread: the same test of what is
 * passed over, the same fields parsed, outputs of the same shape and size. It applies one made-up rule and validates
 * nothing: less work than the worker's.
 *
 * <p>Arguments: bootstrap servers, topic prefix, group, folder for state.
 */
public final class Settle {
  private static final byte[][] SOUGHT = {
    bytes("23040000700"), bytes("settlement.reversed"), bytes("settlement.voided"), bytes("\\u")
  };
  private static final List<String> CODES = List.of("002304000070000", "23040000700");
  private static final BigDecimal PRICE = new BigDecimal("5300.00");
  private static final BigDecimal RATIO = new BigDecimal("0.75");
  private static final String RULEBOOK = "sha256:" + "0".repeat(64);
  private static final String SOURCE = "示例医保〔2021〕30号";

  public static void main(String[] arguments) {
    Properties properties = new Properties();
    properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
    properties.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[2]);
    properties.put(StreamsConfig.STATE_DIR_CONFIG, arguments[3]);
    properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
    properties.put("auto.offset.reset", "earliest");

    String prefix = arguments[1];
    Serdes.ByteArraySerde raw = new Serdes.ByteArraySerde();
    Topology topology = new Topology();
    topology.addSource("events", raw.deserializer(), raw.deserializer(), prefix + "settlement.events");
    topology.addProcessor("settle", Settling::new, "events");
    topology.addSink("adjusted", prefix + "settlement.adjusted", raw.serializer(), raw.serializer(), "settle");
    topology.addSink("disclosures", prefix + "settlement.disclosures", raw.serializer(), raw.serializer(), "settle");

    KafkaStreams streams = new KafkaStreams(topology, properties);
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
  }

  private static final class Settling implements Processor<byte[], byte[], byte[], byte[]> {
    private final ObjectMapper mapper = new ObjectMapper();
    private ProcessorContext<byte[], byte[]> context;

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
      this.context = context;
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
      if (passesOver(record.value())) {
        return;
      }
      try {
        JsonNode event = mapper.readTree(record.value());
        if (!event.path("event_type").asText().equals("settlement.completed")) {
          ObjectNode undone = head(event, "settlement.adjustment_reversed");
          undone.put("settlement_id", event.at("/reverses/settlement_id").asText());
          context.forward(record.withValue(mapper.writeValueAsBytes(undone)), "adjusted");
          return;
        }
        ObjectNode adjusted = head(event, "settlement.adjusted");
        ArrayNode lines = adjusted.putArray("lines");
        ArrayNode exams = mapper.createArrayNode();
        for (JsonNode item : event.path("line_items")) {
          if (CODES.contains(item.path("item_code").asText())) {
            line(event, item, lines.addObject());
            exam(event, item, exams.addObject());
          }
        }
        if (lines.isEmpty()) {
          return;
        }
        adjusted.put("settlement_id", event.path("settlement_id").asText());
        adjusted.put("outcome", "covered");
        context.forward(record.withValue(mapper.writeValueAsBytes(adjusted)), "adjusted");
        ObjectNode disclosure = head(event, "disclosure.published");
        disclosure.set("hospital", event.path("hospital"));
        disclosure.set("exams", exams);
        context.forward(record.withValue(mapper.writeValueAsBytes(disclosure)), "disclosures");
      } catch (IOException notJson) {
        // The worker would write a dead letter; the events measured with are all sound.
      }
    }

    private ObjectNode head(JsonNode event, String type) {
      ObjectNode record = mapper.createObjectNode();
      String id = event.path("event_id").asText();
      record.put("schema_version", "1.0");
      record.put("event_id", UUID.nameUUIDFromBytes(bytes(id + "|" + type + "|1")).toString());
      record.put("event_type", type);
      record.put("source_event_id", id);
      record.put("occurred_at", event.path("occurred_at").asText());
      record.put("revision", 1);
      record.putNull("supersedes");
      record.put("rulebook", RULEBOOK);
      return record;
    }

    private void line(JsonNode event, JsonNode item, ObjectNode line) {
      BigDecimal quantity = decimal(item, "quantity");
      BigDecimal unitPrice = decimal(item, "unit_price");
      BigDecimal amount = decimal(item, "amount");
      BigDecimal outside = decimal(item, "out_of_catalogue_amount");
      BigDecimal ownPaid = decimal(event.path("account"), "own_paid_ytd");
      BigDecimal allowed = amount.subtract(outside).min(PRICE.multiply(quantity)).setScale(2, RoundingMode.HALF_UP);
      BigDecimal disallowed = amount.subtract(outside).subtract(allowed);
      BigDecimal fund = allowed.multiply(RATIO).setScale(2, RoundingMode.HALF_UP);
      BigDecimal patient = amount.subtract(disallowed).subtract(fund);
      line.put("line_no", item.path("line_no").asInt());
      line.put("item_code", item.path("item_code").asText());
      line.put("exam", "petct_whole_body");
      line.put("service_date", item.path("service_date").asText());
      line.put("outcome", event.at("/hospital/designated").asBoolean() ? "covered" : "not_covered");
      line.putArray("reasons");
      line.put("charged_amount", amount.toPlainString());
      line.put("hospital_disallowed_amount", disallowed.toPlainString());
      line.put("out_of_catalogue_amount", outside.toPlainString());
      line.put("eligible_amount", allowed.toPlainString());
      line.put("fund_amount", fund.toPlainString());
      line.put("fund_bucket", event.at("/patient/scheme").asText());
      line.put("assistance_amount", "0.00");
      line.put("patient_amount", patient.toPlainString());
      line.putNull("if_approved");
      ObjectNode nhsa = line.putObject("nhsa");
      nhsa.put("det_item_fee_sumamt", amount.toPlainString());
      nhsa.put("fulamt_ownpay_amt", outside.toPlainString());
      nhsa.put("overlmt_amt", disallowed.toPlainString());
      nhsa.put("preselfpay_amt", "0.00");
      nhsa.put("inscp_scp_amt", allowed.toPlainString());
      ArrayNode trace = line.putArray("trace");
      step(trace, "split", "in catalogue = " + amount + " − " + outside, amount);
      step(trace, "price", "5300元/次", PRICE);
      step(trace, "allowed", "allowed = min(" + amount + ", " + PRICE + " × " + quantity + ")", allowed);
      step(trace, "arithmetic", unitPrice + " × " + quantity + " = " + unitPrice.multiply(quantity), amount);
      step(trace, "coverage", "限定支付范围：肿瘤分期、治疗后复发或转移", null);
      step(trace, "eligible", "eligible = min(" + allowed + ", " + PRICE + " × " + quantity + ")", allowed);
      step(trace, "accumulate", "own_paid_ytd " + ownPaid + " + " + allowed + " = " + ownPaid.add(allowed), null);
      step(trace, "ratio", allowed + " × " + RATIO + " = " + allowed.multiply(RATIO), allowed);
      step(trace, "benefit", "大病保险支付，按上述价格纳入支付范围", fund);
      step(trace, "result", "patient = " + amount + " − " + disallowed + " − " + fund, patient);
    }

    private void exam(JsonNode event, JsonNode item, ObjectNode exam) {
      exam.put("service_date", item.path("service_date").asText());
      exam.put("exam", "petct_whole_body");
      exam.put("surname", event.at("/patient/name").asText().substring(0, 1));
      exam.put("diagnosis", event.at("/diagnoses/0/name").asText());
      exam.put("charged_price", item.path("amount").asText());
    }
  }

  private static void step(ArrayNode trace, String name, String says, BigDecimal amount) {
    ObjectNode step = trace.addObject();
    step.put("step", name);
    step.put("rule", "example-2021-30/" + name);
    step.put("source", SOURCE);
    step.put("clause", "二");
    step.put("says", says);
    step.put("amount", amount == null ? null : amount.toPlainString());
  }

  private static BigDecimal decimal(JsonNode parent, String field) {
    JsonNode value = parent.path(field);
    return value.isTextual() ? new BigDecimal(value.asText()) : new BigDecimal("0.00");
  }

  private static boolean passesOver(byte[] value) {
    for (byte[] sought : SOUGHT) {
      if (holds(value, sought)) {
        return false;
      }
    }
    return value[0] == '{' && value[value.length - 1] == '}';
  }

  private static boolean holds(byte[] value, byte[] sought) {
    outer:
    for (int at = 0; at <= value.length - sought.length; at++) {
      for (int i = 0; i < sought.length; i++) {
        if (value[at + i] != sought[i]) {
          continue outer;
        }
      }
      return true;
    }
    return false;
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
