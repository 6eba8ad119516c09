/*
 * The C side of the benches of access: what a program compiled with -O2 makes of the mapping that the tool reads.
 *
 *   memory-reference single READS          nanoseconds of one volatile 32-bit load, of READS in a row
 *   memory-reference block BYTES PASSES    nanoseconds of the best of PASSES over BYTES, 32 bits at a time, into a buffer
 *
 * Inherited: fd 3, a memfd. Prints the figure.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define DEVICE_FD 3
#define SINGLE_BYTES 4096

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static const volatile uint32_t *map(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, DEVICE_FD, 0);

	if (at == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return at;
}

static double single(size_t reads)
{
	const volatile uint32_t *device = map(SINGLE_BYTES);
	uint32_t sum = 0;
	double begun = now(), ended;

	for (size_t i = 0; i < reads; i++)
		sum += device[i % (SINGLE_BYTES / 4)];
	ended = now();
	/* Used, so that it is not dropped. */
	if (sum == 0x12345678)
		fputs("", stderr);
	return (ended - begun) / reads;
}

static double block(size_t bytes, int passes)
{
	const volatile uint32_t *device = map(bytes);
	uint32_t *into = malloc(bytes);
	double best = 1e18;

	if (into == NULL)
		return 0;
	memset(into, 1, bytes);
	for (int pass = 0; pass < passes; pass++) {
		double begun = now(), took;

		for (size_t i = 0; i < bytes / 4; i++)
			into[i] = device[i];
		/* The buffer is looked at, so that it must have been written. */
		__asm__ volatile("" : : "r"(into) : "memory");
		took = now() - begun;
		if (took < best)
			best = took;
	}
	return best;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "single") == 0) {
		printf("%f\n", single(strtoul(argv[2], NULL, 0)));
		return 0;
	}
	if (argc == 4 && strcmp(argv[1], "block") == 0) {
		printf("%f\n", block(strtoul(argv[2], NULL, 0), atoi(argv[3])));
		return 0;
	}
	fputs("usage: memory-reference single READS | block BYTES PASSES\n", stderr);
	return 2;
}
