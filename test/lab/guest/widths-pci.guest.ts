import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { it } from 'node:test';
import { e1000e, edu } from '../width-plan.js';
import { bindToVfio, findPci } from './bind.js';
import { mark } from './mark.js';
import { Terminal } from './terminal.js';
import { vfiodbg } from './tool.js';
import { makeWidthRuns } from './widths.js';

const [eduAddress = ''] = findPci(0x1234, 0x11e8);
const [nicAddress = ''] = findPci(0x8086, 0x10d3);
bindToVfio('pci', eduAddress);
bindToVfio('pci', nicAddress);

makeWidthRuns({ name: 'edu', address: eduAddress, plan: edu, paths: ['mapped', 'file'] });
makeWidthRuns({ name: 'e1000e', address: nicAddress, plan: e1000e, paths: ['mapped', 'file'] });

for (const path of ['mapped', 'file']) {
  it(`edu, ${path}: a place that is read until it changes`, async () => {
    const lines = [
      `option mmap ${path === 'file' ? 'off' : 'on'}`,
      // 4 bytes from the device's buffer to memory, which bus mastering keeps from arriving: all that counts is that it takes 100 ms.
      'poke.q region0 0x80 0x40000; poke.q region0 0x88 0x1000; poke.q region0 0x90 4',
      'poke.q region0 0x98 0x3; wait.q region0 0x98 == 0x0:0x1 --timeout 20s',
      'log access --json --last 100000',
    ];
    mark(`edu wait ${path} begin`);
    const { code, stdout, stderr } = await vfiodbg(...lines.flatMap((line) => ['-c', line]), eduAddress);
    mark(`edu wait ${path} end`);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    writeFileSync(`/run/lab/edu-wait-${path}.jsonl`, stdout.slice(stdout.indexOf('\n{') + 1));
  });
}

it('edu: what is typed at the prompt before Enter, Tab and all', async () => {
  mark('edu prompt begin');
  const prompt = new Terminal(eduAddress);
  await prompt.answers('', /region0> /);
  await prompt.answers('pee\t', /peek /);
  await prompt.answers('region\t', /region/);
  await prompt.answers('\t', /region7/);
  await prompt.answers('0 0x4:3\t', /0x4:3/);
  await prompt.answers('\u0003', /\^C/);
  await prompt.answers('poke config.CO\t', /config\.COMMAND/);
  await prompt.answers('\u0003', /\^C/);
  await prompt.answers('irq en\t', /irq enable /);
  await prompt.answers('\u0003', /\^C/);
  await prompt.answers('help peek\r', /region0> /);
  prompt.type('\u0004');
  assert.equal(await prompt.ended, 0);
  mark('edu prompt end');
});
