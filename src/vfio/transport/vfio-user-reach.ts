import { type FailureKind, VfioError } from '../errors.js';
import { nearbyFiles } from '../nearby-files.js';
import { SUN_PATH_SIZE } from '../sys/socket.js';

const unreachableBecause = new Map<string, readonly [kind: FailureKind, why: string, hint: string]>([
  ['ENOENT', ['absent', 'there is no such socket', 'start a server: vfiodbg serve sim:edu --socket PATH']],
  ['ECONNREFUSED', ['absent', 'nobody listens there', 'start the server again: vfiodbg serve sim:edu --socket PATH']],
  ['EPROTOTYPE', ['unsupported', 'it is not a stream socket', 'name the socket of a vfio-user server']],
  ['EACCES', ['permission', 'this user may not connect to it', 'check the permissions of the socket and its folders']],
  ['ETIMEDOUT', ['timeout', 'the server accepts no connection', 'it may serve another client, or hang']],
  ['EINVAL', ['absent', 'that is no path', 'give the path of a socket']],
  [
    'ENAMETOOLONG',
    ['limit', `a socket's path has at most ${SUN_PATH_SIZE - 1} bytes`, 'go to its folder and use a relative path'],
  ],
]);

/** Why nobody could be connected to at `path`, by the errno's name. */
export function unreachable(path: string, errno: string): VfioError {
  const [kind, why, hint] = unreachableBecause.get(errno) ?? ['kernel', 'the connection failed', 'check the path'];
  const near = errno === 'ENOENT' ? nearbyFiles(path) : undefined;
  return new VfioError({ kind, operation: `connect to ${path}`, errno, why, hint: near ?? hint });
}
