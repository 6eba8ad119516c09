import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { close, errnoName, eventfd, eventfdAdd, eventfdTake, poll, setNonBlocking } from '../../src/vfio/sys/libc.js';
import {
  EAGAIN,
  EINVAL,
  ENAMETOOLONG,
  ETIMEDOUT,
  NativeBuffer,
  SCM_MAX_FD,
  SUN_PATH_SIZE,
  accept,
  connect,
  listen,
  receive,
  send,
  shutdown,
  socketpair,
} from '../../src/vfio/sys/socket.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-socket-'));
after(() => rmSync(folder, { recursive: true }));

const soon = (): number => performance.now() + 50;
const later = (): number => performance.now() + 5000;

function pair(): readonly [number, number] {
  const { fds, errno } = socketpair();
  assert.equal(errno, 0);
  return fds;
}

function text(bytes: string): NativeBuffer {
  const buffer = new NativeBuffer(bytes.length);
  buffer.bytes.write(bytes, 'latin1');
  return buffer;
}

function closesOnExec(fd: number): boolean {
  const O_CLOEXEC = 0o2000000;
  const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '';
  return (Number.parseInt(flags, 8) & O_CLOEXEC) !== 0;
}

const openFds = (): number => readdirSync('/proc/self/fd').length;

describe('bytes over a socketpair', () => {
  test('arrive whole, at the place asked for and nowhere else', () => {
    const [a, b] = pair();
    assert.deepEqual(send(a, text('--hello--'), 2, 5, [], later()), { value: 5, errno: 0 });
    const into = new NativeBuffer(16);
    const came = receive(b, into, 4, 12, later());
    assert.deepEqual(came, { value: 5, errno: 0, fds: [], truncated: false });
    assert.equal(into.bytes.toString('latin1').replaceAll('\0', '.'), '....hello.......');
    close(a);
    close(b);
  });

  test('are a stream: no more than asked for is taken', () => {
    const [a, b] = pair();
    send(a, text('abcdef'), 0, 6, [], later());
    const into = new NativeBuffer(8);
    assert.equal(receive(b, into, 0, 2, later()).value, 2);
    assert.equal(receive(b, into, 2, 6, later()).value, 4);
    assert.equal(into.bytes.toString('latin1', 0, 6), 'abcdef');
    close(a);
    close(b);
  });

  test('that do not fit the socket are sent as far as they go, and the count says how far', () => {
    const [a, b] = pair();
    const large = new NativeBuffer(8 << 20);
    const sent = send(a, large, 0, large.bytes.length, [], soon());
    assert.equal(sent.errno, ETIMEDOUT);
    assert.ok(sent.value > 0 && sent.value < large.bytes.length, String(sent.value));
    let drained = 0;
    while (drained < sent.value) drained += receive(b, large, 0, large.bytes.length, later()).value;
    assert.equal(drained, sent.value);
    close(a);
    close(b);
  });

  test('that never come are a time-out, and a hang-up is the end', () => {
    const [a, b] = pair();
    const into = new NativeBuffer(4);
    assert.equal(receive(b, into, 0, 4, soon()).errno, ETIMEDOUT);
    assert.equal(receive(b, into, 0, 4, 0).errno, ETIMEDOUT);
    send(a, text('x'), 0, 1, [], later());
    assert.equal(receive(b, into, 0, 4, 0).value, 1, 'what is there already is not late');
    shutdown(a);
    assert.deepEqual(receive(b, into, 0, 4, later()), { value: 0, errno: 0, fds: [], truncated: false });
    close(a);
    const sent = send(b, text('x'), 0, 1, [], later());
    assert.equal(errnoName(sent.errno), 'EPIPE');
    close(b);
  });

  test('outside the buffer are a bug of the caller, before any system call', () => {
    const [a, b] = pair();
    assert.throws(() => send(a, new NativeBuffer(4), 2, 3, [], 0), RangeError);
    assert.throws(() => receive(b, new NativeBuffer(4), 0, 5, 0), RangeError);
    close(a);
    close(b);
  });
});

describe('descriptors over a socketpair', () => {
  test('arrive with the first byte, refer to the same file, and close on exec', () => {
    const [a, b] = pair();
    assert.ok(closesOnExec(a) && closesOnExec(b));
    const event = eventfd().value;
    send(a, text('12'), 0, 2, [event, event], later());
    const into = new NativeBuffer(2);
    const first = receive(b, into, 0, 1, later());
    assert.equal(first.fds.length, 2);
    assert.deepEqual(receive(b, into, 1, 1, later()).fds, []);
    eventfdAdd(first.fds[0] ?? -1, 5n);
    assert.equal(eventfdTake(event), 5n);
    for (const fd of first.fds) {
      assert.match(readlinkSync(`/proc/self/fd/${fd}`), /eventfd/);
      assert.ok(closesOnExec(fd));
      close(fd);
    }
    for (const fd of [a, b, event]) close(fd);
  });

  test('go up to the kernel’s limit in one message, and none is left behind', () => {
    const before = openFds();
    const [a, b] = pair();
    const event = eventfd().value;
    const many = Array.from({ length: SCM_MAX_FD }, () => event);
    assert.equal(send(a, text('x'), 0, 1, many, later()).errno, 0);
    const came = receive(b, new NativeBuffer(1), 0, 1, later());
    assert.equal(came.fds.length, SCM_MAX_FD);
    assert.equal(came.truncated, false);
    assert.throws(() => send(a, text('x'), 0, 1, [...many, event], later()), RangeError);
    for (const fd of [...came.fds, a, b, event]) close(fd);
    assert.equal(openFds(), before);
  });

  test('that this process cannot take are lost, and that is told', () => {
    const modules = new URL('../../src/vfio/sys/', import.meta.url).href;
    const script = `
      import { NativeBuffer, receive, send, socketpair } from '${modules}socket.js';
      import { eventfd } from '${modules}libc.js';
      const [a, b] = socketpair().fds;
      const event = eventfd().value;
      send(a, new NativeBuffer(1), 0, 1, new Array(100).fill(event), Infinity);
      const { value, errno, fds, truncated } = receive(b, new NativeBuffer(1), 0, 1, Infinity);
      console.log(JSON.stringify({ value, errno, some: fds.length > 0 && fds.length < 100, truncated }));
    `;
    const limited = ['-c', 'ulimit -n 64; exec "$0" "$@"', process.execPath, '--input-type=module', '-e', script];
    const ended = spawnSync('sh', limited, { encoding: 'utf8', timeout: 20_000 });
    assert.equal(ended.stderr, '');
    assert.deepEqual(JSON.parse(ended.stdout), { value: 1, errno: 0, some: true, truncated: true });
  });

  test('that are not open are refused by the kernel', () => {
    const [a, b] = pair();
    assert.equal(errnoName(send(a, text('x'), 0, 1, [-1], later()).errno), 'EBADF');
    close(a);
    close(b);
  });
});

describe('a socket with a path', () => {
  test('listens, accepts, connects', () => {
    const path = join(folder, 'one.sock');
    const server = listen(path).value;
    const client = connect(path, 1000).value;
    const served = accept(server).value;
    send(client, text('hi'), 0, 2, [], later());
    const into = new NativeBuffer(2);
    assert.equal(receive(served, into, 0, 2, later()).value, 2);
    assert.ok([server, client, served].every(closesOnExec));
    assert.equal(errnoName(listen(path).errno), 'EADDRINUSE');
    setNonBlocking(server, true);
    assert.equal(accept(server).errno, EAGAIN);
    for (const fd of [server, client, served]) close(fd);
    assert.equal(errnoName(connect(path, 1000).errno), 'ECONNREFUSED');
  });

  test('that nobody accepts ends in a time-out', () => {
    const path = join(folder, 'full.sock');
    const server = listen(path, 0).value;
    const clients = [connect(path, 50)];
    while (clients.at(-1)?.errno === 0 && clients.length < 8) clients.push(connect(path, 50));
    assert.equal(clients.at(-1)?.errno, ETIMEDOUT);
    for (const client of clients) if (client.errno === 0) close(client.value);
    close(server);
  });

  test('has at most 107 bytes of path, at least one, and no NUL', () => {
    const before = openFds();
    const longest = join(folder, 'x'.repeat(SUN_PATH_SIZE - 2 - folder.length));
    assert.equal(Buffer.byteLength(longest), SUN_PATH_SIZE - 1);
    const server = listen(longest);
    assert.equal(server.errno, 0);
    assert.equal(poll(server.value, 1, 0).value, 0);
    close(server.value);
    assert.equal(connect(`${longest}x`, 1000).errno, ENAMETOOLONG);
    assert.equal(listen(`${longest}x`).errno, ENAMETOOLONG);
    assert.equal(connect('', 1000).errno, EINVAL);
    assert.equal(connect('a\0b', 1000).errno, EINVAL);
    assert.equal(errnoName(connect(join(folder, 'nothing'), 1000).errno), 'ENOENT');
    assert.equal(openFds(), before);
  });
});
