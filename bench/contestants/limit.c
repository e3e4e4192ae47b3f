/* A limit: nothing but producing, in C, over the librdkafka of the confluent-kafka wheel.
 *
 *   limit BOOTSTRAP TRANSACTIONAL_ID WARM_UP_TOPIC (TOPIC KEY FILE)...
 *
 * A file holds messages: each a length (uint32), a timestamp in milliseconds since 1970 (int64), then the value, numbers
 * in the machine's order. All are in memory before the clock runs. One transaction of up to 100,000 of them goes to the
 * warm-up topic, then all of them to their topics' partition 0, 100,000 a transaction. The clock runs from the first
 * message until the last commit has returned. Printed: rows, seconds, cpu (of the process, without the warm-up).
 *
 * Wheels carry no header files, so what is used of rdkafka.h is declared here; the values are part of its ABI.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_conf_s rd_kafka_conf_t;
typedef struct rd_kafka_topic_s rd_kafka_topic_t;
typedef struct rd_kafka_error_s rd_kafka_error_t;

enum { RD_KAFKA_PRODUCER = 0, CONF_OK = 0, ERR_QUEUE_FULL = -184 };
/* rd_kafka_vtype_t. With no message flags librdkafka neither copies nor frees a value: ours stay where they are. */
enum { V_END = 0, V_RKT = 2, V_PARTITION = 3, V_VALUE = 4, V_KEY = 5, V_TIMESTAMP = 8 };

extern rd_kafka_conf_t *rd_kafka_conf_new(void);
extern int rd_kafka_conf_set(rd_kafka_conf_t *, const char *, const char *, char *, size_t);
extern rd_kafka_t *rd_kafka_new(int, rd_kafka_conf_t *, char *, size_t);
extern rd_kafka_topic_t *rd_kafka_topic_new(rd_kafka_t *, const char *, void *);
extern void rd_kafka_topic_destroy(rd_kafka_topic_t *);
extern int rd_kafka_producev(rd_kafka_t *, ...);
extern int rd_kafka_poll(rd_kafka_t *, int);
extern const char *rd_kafka_err2str(int);
extern rd_kafka_error_t *rd_kafka_init_transactions(rd_kafka_t *, int);
extern rd_kafka_error_t *rd_kafka_begin_transaction(rd_kafka_t *);
extern rd_kafka_error_t *rd_kafka_commit_transaction(rd_kafka_t *, int);
extern const char *rd_kafka_error_string(const rd_kafka_error_t *);
extern void rd_kafka_destroy(rd_kafka_t *);

enum { TRANSACTION_ROWS = 100000, WAIT_MS = 60000 };

struct message {
    const char *value;
    size_t length;
    int64_t timestamp;
};

struct messages {
    struct message *all;
    size_t count;
};

static void fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static void expect(rd_kafka_error_t *error, const char *what) {
    if (error != NULL)
        fail(what, rd_kafka_error_string(error));
}

static void *memory(size_t size) {
    void *found = malloc(size);
    if (found == NULL)
        fail("memory", "there is too little");
    return found;
}

static struct messages read_messages(const char *name) {
    FILE *file = fopen(name, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        fail(name, "cannot be read");
    size_t size = (size_t)ftell(file);
    char *bytes = memory(size + 1);
    rewind(file);
    if (fread(bytes, 1, size, file) != size)
        fail(name, "cannot be read");
    fclose(file);

    /* A message takes more than 12 bytes. */
    struct messages found = {memory((size / 12 + 1) * sizeof(struct message)), 0};
    size_t at = 0;
    while (at < size) {
        struct message *one = &found.all[found.count++];
        uint32_t length;
        memcpy(&length, bytes + at, sizeof length);
        memcpy(&one->timestamp, bytes + at + 4, sizeof one->timestamp);
        one->value = bytes + at + 12;
        one->length = length;
        at += 12 + (size_t)length;
    }
    return found;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char why[512];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != CONF_OK)
        fail(name, why);
}

static rd_kafka_t *producer(const char *bootstrap, const char *transactional_id) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "transactional.id", transactional_id); /* with which acks=all and idempotence come */
    set(conf, "compression.type", "lz4");
    set(conf, "linger.ms", "5");
    set(conf, "queue.buffering.max.messages", "200000"); /* a transaction and more: it is never full */
    char why[512];
    rd_kafka_t *found = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (found == NULL)
        fail("producer", why);
    return found;
}

static void produce(rd_kafka_t *rk, rd_kafka_topic_t *topic, const char *key, size_t key_length,
                    const struct message *one) {
    for (;;) {
        int error = rd_kafka_producev(rk, V_RKT, topic, V_PARTITION, (int32_t)0, V_VALUE, (void *)one->value, one->length,
                                      V_KEY, (void *)key, key_length, V_TIMESTAMP, one->timestamp, V_END);
        if (error == 0)
            return;
        if (error != ERR_QUEUE_FULL)
            fail("produce", rd_kafka_err2str(error));
        rd_kafka_poll(rk, 1);
    }
}

static double wall(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv) {
    if (argc < 7 || (argc - 4) % 3 != 0)
        fail("arguments", "BOOTSTRAP TRANSACTIONAL_ID WARM_UP_TOPIC (TOPIC KEY FILE)...");
    int groups = (argc - 4) / 3;
    struct messages *messages = memory((size_t)groups * sizeof *messages);
    for (int group = 0; group < groups; group++)
        messages[group] = read_messages(argv[4 + 3 * group + 2]);

    rd_kafka_t *rk = producer(argv[1], argv[2]);
    expect(rd_kafka_init_transactions(rk, WAIT_MS), "init_transactions");

    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, argv[3], NULL);
    expect(rd_kafka_begin_transaction(rk), "begin_transaction");
    for (size_t i = 0; i < messages[0].count && i < TRANSACTION_ROWS; i++)
        produce(rk, topic, argv[5], strlen(argv[5]), &messages[0].all[i]);
    expect(rd_kafka_commit_transaction(rk, WAIT_MS), "commit_transaction");
    rd_kafka_topic_destroy(topic);

    double cpu_before = cpu(), wall_before = wall();
    size_t rows = 0, open = 0;
    for (int group = 0; group < groups; group++) {
        const char *key = argv[4 + 3 * group + 1];
        size_t key_length = strlen(key);
        topic = rd_kafka_topic_new(rk, argv[4 + 3 * group], NULL);
        for (size_t i = 0; i < messages[group].count; i++) {
            if (open == 0)
                expect(rd_kafka_begin_transaction(rk), "begin_transaction");
            produce(rk, topic, key, key_length, &messages[group].all[i]);
            rows++;
            if (++open == TRANSACTION_ROWS) {
                expect(rd_kafka_commit_transaction(rk, WAIT_MS), "commit_transaction");
                open = 0;
            }
        }
        rd_kafka_topic_destroy(topic);
    }
    if (open > 0)
        expect(rd_kafka_commit_transaction(rk, WAIT_MS), "commit_transaction");
    double seconds = wall() - wall_before, used = cpu() - cpu_before;
    printf("{\"rows\": %zu, \"seconds\": %.6f, \"cpu\": %.6f}\n", rows, seconds, used);
    fflush(stdout);
    rd_kafka_destroy(rk);
    return 0;
}
