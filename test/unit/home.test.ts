import assert from 'node:assert/strict';
import { userInfo } from 'node:os';
import { test } from 'node:test';
import { cacheFolder, configurationFolder, expandHome, homeFolder } from '../../src/vfio/home.js';

/** As for a user whom no list names: userInfo throws then. */
const unlisted = (): never => {
  throw new Error('uv_os_get_passwd returned ENOENT');
};

test('the home folder is what HOME says, else the list of users, and never one below the current folder', () => {
  assert.equal(homeFolder('/home/somebody', unlisted), '/home/somebody');
  assert.equal(homeFolder(''), userInfo().homedir);
  assert.equal(homeFolder('relative'), userInfo().homedir);
  assert.equal(homeFolder('', unlisted), undefined);
  assert.equal(
    homeFolder('', () => ({ homedir: '' })),
    undefined,
  );
});

test('folders of configuration and cache follow XDG where it names an absolute one', (t) => {
  const { HOME, XDG_CONFIG_HOME, XDG_CACHE_HOME } = process.env;
  t.after(() => {
    for (const [name, value] of Object.entries({ HOME, XDG_CONFIG_HOME, XDG_CACHE_HOME })) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
  process.env['HOME'] = '/home/somebody';
  process.env['XDG_CONFIG_HOME'] = '/etc/somebody';
  process.env['XDG_CACHE_HOME'] = 'relative';
  assert.equal(configurationFolder(), '/etc/somebody/vfiodbg');
  assert.equal(cacheFolder(), '/home/somebody/.cache/vfiodbg');
  assert.deepEqual(['~', '~/a', '~b', 'a/~'].map(expandHome), ['/home/somebody', '/home/somebody/a', '~b', 'a/~']);
});
