import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Command, HEADER_SIZE } from '../../src/vfio/abi/vfio-user.js';
import { close, eventfd, memfd } from '../../src/vfio/sys/libc.js';
import { Wire } from './sim-wire.js';

const small = fc.oneof(fc.nat(40), fc.nat(0x2000), fc.constantFrom(0xffffffff, 0x80000000, 0x10000, 0xfffff, 1 << 20));

/** A payload of 32-bit words, most of which mean something to some command. */
const payload = fc
  .array(small, { maxLength: 12 })
  .map((words) => Buffer.concat(words.map((value) => Buffer.from(Uint32Array.of(value).buffer))));

const message = fc.record({
  command: fc.oneof(
    fc.constantFrom(...Object.values(Command).filter((command) => command !== Command.VERSION)),
    fc.integer({ min: 20, max: 0xffff }),
  ),
  payload,
  extra: fc.nat(3),
  fds: fc.array(fc.constantFrom('eventfd', 'memfd'), { maxLength: 3 }),
  flags: fc.constantFrom(0, 0, 0, 0, 0, 0, 1, 0x10, 0x20, 0x21, 0xffff_ffe0),
});

/** Takes the answer to message `id`. What the device asks of the client's memory meanwhile is left unanswered. */
function answerTo(wire: Wire, id: number): void {
  for (;;) {
    const answer = wire.next();
    assert.ok(answer, 'the server has hung up');
    for (const fd of answer.fds) close(fd);
    assert.ok(answer.header.size >= HEADER_SIZE);
    if ((answer.header.flags & 0xf) === 0) continue;
    assert.equal(answer.header.id, id);
    return;
  }
}

for (const model of ['edu', 'pl031', 'sram']) {
  test(`${model}: no sequence of well-framed messages makes the server fail, hang or stop answering`, async () => {
    const files = { eventfd: eventfd().value, memfd: memfd('fuzz', 1 << 16).value };
    const wire = Wire.ready(model);
    fc.assert(
      fc.property(fc.array(message, { maxLength: 20 }), (messages) => {
        for (const { command, payload: body, extra, fds, flags } of messages) {
          const bytes = Buffer.concat([body, Buffer.alloc(extra)]);
          const id = wire.send(command, bytes, { flags, fds: fds.map((kind) => files[kind]) });
          const isCommand = (flags & 0xf) === 0;
          const wantsReply = (flags & 0x10) === 0;
          if (isCommand && wantsReply) answerTo(wire, id);
        }
      }),
      { numRuns: 60, seed: 4711, endOnFailure: true },
    );
    for (const fd of Object.values(files)) close(fd);
    await wire.close();
  });
}
