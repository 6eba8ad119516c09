/*
 * The two sides that the interrupt pump's bench needs beside the pump itself.
 *
 *   irq-reference signal VECTORS SIGNALS CPU INTERVAL_NS   writes eventfds in turn, as fast as it can (interval 0) or paced
 *   irq-reference receive VECTORS SIGNALS CPU              the reference: an epoll loop that timestamps, reads, stores
 *   irq-reference pin CPU TID...                           moves threads to a processor
 *
 * CPU is the processor to run on, -1 for any.
 * Inherited: fd 3 a memfd of SIGNALS 64-bit words, where the signaller leaves CLOCK_MONOTONIC before each write; fds 4 and up the eventfds,
 * one a vector. The receiver prints one line of JSON.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define STAMPS_FD 3
#define FIRST_FD 4
#define BATCH 256
#define RING 65536

struct event {
	uint64_t time;
	uint64_t count;
	uint32_t source;
};

static struct event ring[RING];

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + t.tv_nsec;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void pin(int cpu, pid_t thread)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(thread, sizeof(set), &set))
		fail("sched_setaffinity");
}

static void send_signals(int vectors, uint64_t signals, uint64_t interval, uint64_t *stamps)
{
	const uint64_t one = 1;
	uint64_t due = now();

	for (uint64_t i = 0; i < signals; i++) {
		if (interval) {
			struct timespec t;

			due += interval;
			t.tv_sec = due / 1000000000u;
			t.tv_nsec = due % 1000000000u;
			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
			stamps[i] = now();
		}
		if (write(FIRST_FD + i % vectors, &one, sizeof(one)) != sizeof(one))
			fail("write");
	}
}

static int ascending(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void receive(int vectors, uint64_t signals, const uint64_t *stamps)
{
	struct epoll_event ready[BATCH];
	uint64_t *sums = calloc(vectors, sizeof(*sums));
	uint64_t *latencies = calloc(signals, sizeof(*latencies));
	uint64_t events = 0, total = 0, first = 0, last = 0;
	uint32_t head = 0;
	int set = epoll_create1(EPOLL_CLOEXEC);

	for (int v = 0; v < vectors; v++) {
		struct epoll_event e = { .events = EPOLLIN | EPOLLET, .data.u32 = v };

		if (epoll_ctl(set, EPOLL_CTL_ADD, FIRST_FD + v, &e))
			fail("epoll_ctl");
	}
	fprintf(stderr, "ready\n");
	while (total < signals) {
		int n = epoll_wait(set, ready, BATCH, -1);
		uint64_t time = now();

		if (n < 0)
			fail("epoll_wait");
		for (int i = 0; i < n; i++) {
			uint32_t source = ready[i].data.u32;
			uint64_t count, index;

			if (read(FIRST_FD + source, &count, sizeof(count)) != sizeof(count))
				continue;
			ring[head % RING] = (struct event){ time, count, source };
			__atomic_store_n(&head, head + 1, __ATOMIC_RELEASE);
			/* Which signal this was, if the signaller stamped it: the first of those not seen yet. */
			index = sums[source] * vectors + source;
			if (index < signals)
				latencies[events] = time - stamps[index];
			sums[source] += count;
			total += count;
			events++;
		}
		if (!first)
			first = time;
		last = time;
	}
	qsort(latencies, events, sizeof(*latencies), ascending);
	printf("{\"events\":%" PRIu64 ",\"signals\":%" PRIu64 ",\"elapsedNs\":%" PRIu64 ",\"p50\":%" PRIu64 ",\"p99\":%" PRIu64 "}\n",
	       events, total, last - first, latencies[events / 2], latencies[events * 99 / 100]);
}

int main(int argc, char **argv)
{
	int vectors = argc > 2 ? atoi(argv[2]) : 0;
	uint64_t signals = argc > 3 ? strtoull(argv[3], NULL, 0) : 0;
	uint64_t *stamps;

	if (argc > 3 && !strcmp(argv[1], "pin")) {
		for (int i = 3; i < argc; i++)
			pin(atoi(argv[2]), atoi(argv[i]));
		return 0;
	}
	if (argc < 5 || vectors < 1 || signals < 1) {
		fprintf(stderr, "usage: irq-reference signal VECTORS SIGNALS CPU INTERVAL_NS\n"
				"       irq-reference receive VECTORS SIGNALS CPU\n"
				"       irq-reference pin CPU TID...\n");
		return 2;
	}
	if (atoi(argv[4]) >= 0)
		pin(atoi(argv[4]), 0);
	stamps = mmap(NULL, signals * sizeof(*stamps), PROT_READ | PROT_WRITE, MAP_SHARED, STAMPS_FD, 0);
	if (stamps == MAP_FAILED)
		fail("mmap");
	if (!strcmp(argv[1], "signal"))
		send_signals(vectors, signals, argc > 5 ? strtoull(argv[5], NULL, 0) : 0, stamps);
	else
		receive(vectors, signals, stamps);
	return 0;
}
