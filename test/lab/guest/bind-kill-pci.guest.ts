import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { at, type Event, type Moment } from './at-change.js';
import { bindings, forgetId, records } from './bindings.js';
import { findPci } from './bind.js';
import { Prompt } from './prompt.js';

const [edu = '', , inGroup = ''] = findPci(0x1234, 0x11e8);
const [port = ''] = findPci(0x1b36, 0x0003);

/** What recovers, and leads to where a test begins. */
const prompt = new Prompt();
after(() => prompt[Symbol.dispose]());

/** How many are started before their turn: starting Node is most of what a kill costs, and the guest has two processors. */
const AHEAD = 2;

/** What is counted, and how a process ends. */
interface End {
  readonly of: Moment['of'];
  readonly event: Event;
}

const atAnyChange: End = { of: 'all', event: { what: 'kill', when: 'before' } };
const withHalfALine: End = { of: 'all', event: { what: 'tear' } };
/** The kernel has done it, and that it has is not written down. */
const behindTheKernel: End = { of: 'sysfs', event: { what: 'kill', when: 'behind' } };

/** Processes of which the first ends at the first change that it makes, the second at the second, and so on. */
function* victims({ of, event }: End): Generator<Prompt> {
  const started: Prompt[] = [];
  try {
    for (let nth = 0; ; nth += 1) {
      while (started.length <= AHEAD) started.push(new Prompt(at({ of, nth: nth + started.length }, event)));
      const [next] = started.splice(0, 1);
      if (next !== undefined) yield next;
    }
  } finally {
    for (const each of started) each[Symbol.dispose]();
  }
}

/**
 * Types `line` to one victim after the other until one comes through, recovers behind each, and holds what there is then to what there was before.
 * @returns how many were killed and, of these, how many had left something to be undone.
 */
async function killAtEach(
  line: string,
  end: End,
  check: () => void = () => undefined,
): Promise<{ killed: number; undone: number }> {
  const before = { bindings: bindings('pci'), records: records() };
  const halves = new Set<string>();
  let [killed, undone] = [0, 0];
  for (const victim of victims(end)) {
    const { pid } = victim.tool;
    const { code, stdout, stderr } = await victim.last(line);
    if (code !== null) {
      process.stdout.write(stdout);
      // At the prompt an error is an answer like others.
      assert.deepEqual([code, stderr], [0, '']);
      break;
    }
    const place = `${line}: ended at change ${killed}`;
    killed += 1;
    halves.add(JSON.stringify(bindings('pci')));
    const said = await prompt.answer('bind --recover');
    if (said.includes('ended half way; undone')) {
      undone += 1;
      assert.ok(said.includes(`(process ${pid})`), said);
    } else {
      assert.match(said, /there is nothing to recover/, `${place}: ${prompt.tool.stderr}`);
    }
    assert.deepEqual({ bindings: bindings('pci'), records: records() }, before, place);
    check();
  }
  process.stdout.write(`${line}: ${killed} killed, ${undone} undone, ${halves.size} different states\n`);
  assert.ok(halves.size > 2, 'what is half done differs from what is not');
  assert.notDeepEqual(bindings('pci'), before.bindings, 'in the end it was done');
  return { killed, undone };
}

describe('SIGKILL at each step, then bind --recover: the starting state', () => {
  it('before each change that the bind of a whole group makes to sysfs and to its own files', async () => {
    const { killed, undone } = await killAtEach(`bind ${inGroup} --whole-group`, atAnyChange);
    assert.ok(killed > 20 && undone > 15, `${killed} killed, ${undone} undone`);
    await prompt.json(`release ${inGroup} --whole-group`);
  });

  it('before each change of a bind, with half of each line of its files written', async () => {
    const { killed, undone } = await killAtEach(`bind ${port}`, withHalfALine);
    assert.ok(killed > 12 && undone > 8, `${killed} killed, ${undone} undone`);
  });

  it('right behind each write of a release to sysfs', async () => {
    const { killed, undone } = await killAtEach(`release ${port}`, behindTheKernel);
    assert.deepEqual([killed, undone], [4, 4]);
    assert.deepEqual(records(), []);
  });

  it('right behind each write of a bind by new_id: the driver does not know the id either', async () => {
    const ids = '1234 11e8 1af4 1100';
    const check = (): void => assert.equal(forgetId('vfio-pci', ids), 'ENODEV');
    const { killed, undone } = await killAtEach(`bind ${edu} --method new_id`, behindTheKernel, check);
    // new_id, remove_id, and the unbinding of the two others that have the same ids.
    assert.deepEqual([killed, undone], [4, 4]);
    assert.equal(forgetId('vfio-pci', ids), 'ENODEV');
    await prompt.json(`release ${edu}`);
  });

  it('before each change that recovering makes', async () => {
    const before = bindings('pci');
    using first = new Prompt(at({ of: 'sysfs', nth: 2 }, { what: 'kill', when: 'before' }));
    assert.equal((await first.last(`bind ${port}`)).code, null);
    assert.match(await prompt.refusal(`bind ${edu}`), /that was to bind .* was ended half way/);
    let killed = 0;
    for (const victim of victims(atAnyChange)) {
      const { code, stdout, stderr } = await victim.last('bind --recover');
      if (code !== null) {
        assert.equal(code, 0, stderr);
        if (killed > 0) assert.match(stdout, /undone|nothing to recover/);
        break;
      }
      killed += 1;
    }
    process.stdout.write(`bind --recover: ${killed} killed\n`);
    assert.ok(killed > 5, `${killed} killed`);
    assert.deepEqual(bindings('pci'), before);
    assert.deepEqual(records(), []);
  });
});
