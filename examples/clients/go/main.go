// A settlement platform in Go: sends events, takes adjusted settlements back. Usage: see the README beside it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What is read of an event, and of an adjusted settlement.
type document struct {
	EventID      string    `json:"event_id"`
	EventType    string    `json:"event_type"`
	SettlementID string    `json:"settlement_id"`
	Reverses     *document `json:"reverses"`
	Totals       struct {
		Fund string `json:"fund_amount"`
	} `json:"totals"`
}

var prefix, brokers = os.Getenv("TOPIC_PREFIX"), strings.Split(os.Getenv("KAFKA_BOOTSTRAP_SERVERS"), ",")

// One JSON document a line. Returns when the brokers have all of them, each once and in order: this client is
// idempotent unless told otherwise. A reversal has the key of what it undoes: it must lie behind it.
func produce(path string) {
	var records []*kgo.Record
	for _, value := range bytes.Split(bytes.TrimSpace(must(os.ReadFile(path))), []byte("\n")) {
		id := read(value).SettlementID
		if undone := read(value).Reverses; undone != nil {
			id = undone.SettlementID
		}
		records = append(records, &kgo.Record{Topic: prefix + "settlement.events", Key: []byte(id), Value: value})
	}
	producer := must(kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RequiredAcks(kgo.AllISRAcks())))
	defer producer.Close()
	must(0, producer.ProduceSync(context.Background(), records...).FirstErr())
}

// Take in what was committed, once each by event_id; stop after count records. Offsets are committed after the ledger
// is on disk: a crash repeats records and loses none, and the ledger drops the repeats.
func consume(path string, count int) {
	ledger := must(os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600))
	seen := map[string]bool{}
	for _, row := range strings.Split(string(must(os.ReadFile(path))), "\n") {
		seen[strings.SplitN(row, "\t", 2)[0]] = true
	}
	consumer := must(kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumerGroup(os.Getenv("GROUP_ID")),
		kgo.ConsumeTopics(prefix+"settlement.adjusted"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll()))
	defer consumer.CloseAllowingRebalance()
	for count > 0 {
		fetched := consumer.PollFetches(context.Background())
		must(0, fetched.Err())
		fetched.EachRecord(func(record *kgo.Record) {
			took := read(record.Value)
			if !seen[took.EventID] {
				seen[took.EventID] = true
				must(fmt.Fprintf(ledger, "%s\t%s\t%s\t%s\n", took.EventID, took.SettlementID, took.EventType, took.Totals.Fund))
			}
			count--
		})
		must(0, ledger.Sync())
		must(0, consumer.CommitUncommittedOffsets(context.Background()))
		consumer.AllowRebalance()
	}
}

func read(value []byte) *document {
	found := new(document)
	found.Totals.Fund = "-"
	must(0, json.Unmarshal(value, found))
	return found
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	arguments := append(os.Args[1:], strconv.Itoa(math.MaxInt))
	switch {
	case len(arguments) == 3 && arguments[0] == "produce":
		produce(arguments[1])
	case len(arguments) > 2 && arguments[0] == "consume":
		consume(arguments[1], must(strconv.Atoi(arguments[2])))
	default:
		log.Fatal("usage: go run . produce events.jsonl | consume ledger.tsv [how many records]")
	}
}
