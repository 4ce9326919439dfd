import { connect, type Socket } from 'node:net';
import { createDice, type Dice } from '../fuzz/dice.ts';

/** Somebody who is signed in, and asks. */
type Person = {
  accessToken: string;
  workspaceId: string;
  call(method: string, path: string): Promise<{ status: number }>;
};

/** Ways in which a client disappoints a server. Each leaves its socket as it is, or ends it in the middle of something. */
const WAYS: ((socket: Socket, dice: Dice, person: Person) => void)[] = [
  // Says nothing at all.
  () => undefined,
  // Begins a request and says no more.
  (socket) => socket.write('GET /v1/projects HTTP/1.1\r\nHost: x\r\nX-Slow: '),
  // Promises a body that never comes.
  (socket, _dice, person) => socket.write(`${post(person, 1_000)}{"id":`),
  // Hangs up while it sends.
  (socket, dice, person) => {
    socket.write(`${post(person, 100_000)}${'a'.repeat(dice.pick(50_000))}`);
    setTimeout(() => socket.destroy(), dice.pick(20));
  },
  // Hangs up before the answer.
  (socket, dice, person) => {
    socket.write(get(person));
    setTimeout(() => socket.resetAndDestroy(), dice.pick(5));
  },
  // Closes its half and reads nothing.
  (socket, _dice, person) => {
    socket.pause();
    socket.end(get(person));
  },
  // Asks many times and reads none of the answers.
  (socket, _dice, person) => {
    socket.pause();
    socket.write(get(person).repeat(20));
  },
  // Is no HTTP at all.
  (socket) => socket.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03])),
  // Sends a chunk that is none.
  (socket, _dice, person) => socket.write(`${post(person, 'chunked')}zz\r\n`),
];

const head = (person: Person) =>
  `Host: x\r\nAuthorization: Bearer ${person.accessToken}\r\nSluice-Workspace: ${person.workspaceId}\r\n`;
const get = (person: Person) => `GET /v1/projects HTTP/1.1\r\n${head(person)}\r\n`;
const post = (person: Person, length: number | 'chunked') =>
  `POST /v1/projects HTTP/1.1\r\n${head(person)}Content-Type: application/json\r\n${length === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`}\r\n\r\n`;

/** Of those that hang, so many at once: more would meet the limits of the test's own process. */
const AT_ONCE = 200;

/**
 * So many clients that disappoint the server, each in its way, and now and then somebody who asks properly.
 *
 * @returns the statuses of those who asked properly
 */
export async function disappoint(
  cloud: { url: string },
  person: Person,
  count: number,
  seed: string,
): Promise<number[]> {
  const dice = createDice(`clients ${seed}`);
  const { hostname, port } = new URL(cloud.url);
  const open: Socket[] = [];
  const statuses: number[] = [];
  for (let n = 0; n < count; n++) {
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    open.push(socket);
    await new Promise((resolve) => socket.once('connect', resolve));
    dice.oneOf(WAYS)(socket, dice, person);
    if (open.length > AT_ONCE) open.shift()?.destroy();
    if (n % 20 === 0) statuses.push((await person.call('GET', '/v1/auth/whoami')).status);
  }
  statuses.push((await person.call('GET', '/v1/auth/whoami')).status);
  for (const socket of open) socket.destroy();
  return statuses;
}
