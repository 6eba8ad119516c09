import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { binding } from './binding-fixture.js';
import { groupOfTwo } from './binding-machines.js';

/**
 * A process that binds or releases and is killed on its way: `bind-victim.js ROOT bind|release N` ends by SIGKILL right before the Nth thing that it would change
 * in a file system, sysfs or its own folder.
 */
const [, , root, action, last] = process.argv;
let left = Number(last);

function count(): void {
  if (left-- === 0) process.kill(process.pid, 'SIGKILL');
}

const kernel = groupOfTwo(root);
kernel.onWrite = (_nth, when) => {
  if (when === 'before') count();
  return undefined;
};
const { renameSync, rmSync, writeSync, openSync } = fs;
const state = `${kernel.root}/state`;
Object.assign(fs, {
  renameSync: (from: string, to: string) => {
    count();
    renameSync(from, to);
  },
  rmSync: (path: string, options: fs.RmOptions) => {
    if (path.startsWith(state)) count();
    rmSync(path, options);
  },
  writeSync: (fd: number, bytes: Buffer, at: number) => {
    count();
    return writeSync(fd, bytes, at);
  },
  openSync: (path: string, flags: string, mode?: number) => {
    if (flags === 'w') count();
    return openSync(path, flags, mode);
  },
});
syncBuiltinESMExports();
const tool = binding(kernel);
if (action === 'bind') await tool.bind('0000:00:05.0', { wholeGroup: true });
else await tool.release('0000:00:05.0', { wholeGroup: true });
process.stdout.write('done');
