import { createHash, createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { expect, test } from 'vitest';
import { runSketch } from '../../../tests/fixtures/engine.ts';
import { createWorld, itemsOf, jsonOf } from '../stepCall.fixture.ts';
import { crypto } from './crypto.ts';

const KEY = Buffer.alloc(32, 7).toString('base64');
const texts = ({ privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject }) => ({
  privateKey: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  publicKey: String(publicKey.export({ type: 'spki', format: 'pem' })),
});
const PAIRS = {
  'rsa-sha256': texts(generateKeyPairSync('rsa', { modulusLength: 2048 })),
  'ecdsa-p256': texts(generateKeyPairSync('ec', { namedCurve: 'P-256' })),
  ed25519: texts(generateKeyPairSync('ed25519')),
};

const worldOf = (connection: Record<string, string> = {}) => createWorld({ connection });
async function result(config: Parameters<typeof itemsOf>[0], connection?: Record<string, string>) {
  return jsonOf((await worldOf(connection).run(crypto, config, itemsOf({ kept: 1 }))).main)[0]?.result as string;
}

test('hashes of texts are those that everybody gets', async () => {
  expect(await result({ value: 'abc', hash: 'md5' })).toBe('900150983cd24fb0d6963f7d28e17f72');
  expect(await result({ value: 'abc', hash: 'sha3-256' })).toBe(
    '3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532',
  );
  for (const hash of ['sha1', 'sha256', 'sha384', 'sha512'])
    expect(await result({ value: 'ä', hash, encoding: 'base64url' })).toBe(
      createHash(hash).update('ä').digest('base64url'),
    );
  expect(await result({ value: { a: 1 } })).toBe(createHash('sha256').update('{"a":1}').digest('hex'));
});

test('a file of the item is hashed by its bytes', async () => {
  const world = worldOf();
  const file = await world.files.keep(Buffer.from([0, 255]), { mime: 'application/octet-stream' });
  const { main } = await world.run(crypto, { file: 'doc' }, [{ json: {}, binary: { doc: file } }]);
  expect(jsonOf(main)[0]?.result).toBe(
    createHash('sha256')
      .update(Buffer.from([0, 255]))
      .digest('hex'),
  );
  await expect(world.run(crypto, { file: 'dog' }, [{ json: {}, binary: { doc: file } }])).rejects.toMatchObject({
    code: 'data.invalid',
    advice: 'It has doc.',
  });
});

test('an HMAC is made with the key of the connection', async () => {
  expect(await result({ action: 'hmac', value: 'abc' }, { key: 'secret' })).toBe(
    createHmac('sha256', 'secret').update('abc').digest('hex'),
  );
  await expect(result({ action: 'hmac', value: 'abc' })).rejects.toMatchObject({
    message: 'The connection has no key.',
  });
});

test.each(
  Object.keys(PAIRS) as (keyof typeof PAIRS)[],
)('a signature of %s holds for its text and no other', async (algorithm) => {
  const { privateKey, publicKey } = PAIRS[algorithm];
  const signature = await result({ action: 'sign', algorithm, value: 'abc', encoding: 'base64' }, { privateKey });
  const holds = (value: string, keys: Record<string, string>) =>
    result({ action: 'verify', algorithm, value, signature, encoding: 'base64' }, keys);
  expect([
    await holds('abc', { publicKey }),
    await holds('abc', { privateKey }),
    await holds('abd', { publicKey }),
  ]).toEqual([true, true, false]);
  const others = Object.keys(PAIRS).filter((name) => name !== algorithm) as (keyof typeof PAIRS)[];
  for (const other of others)
    await expect(holds('abc', { publicKey: PAIRS[other].publicKey })).rejects.toMatchObject({ code: 'config.invalid' });
});

test('an HMAC is checked too', async () => {
  const config = { algorithm: 'hmac-sha256', value: 'abc' };
  const signature = await result({ action: 'sign', ...config }, { key: 'k1' });
  const holds = (key: string) => result({ action: 'verify', ...config, signature }, { key });
  expect([await holds('k1'), await holds('k2')]).toEqual([true, false]);
});

test('what is encrypted differs each time and is decrypted with the same key only, if nobody changed it', async () => {
  const encrypt = () => result({ action: 'encrypt', value: 'grüße', encoding: 'base64' }, { key: KEY });
  const [one, two] = [await encrypt(), await encrypt()];
  expect(one).not.toBe(two);
  const decrypt = (value: string, key = KEY) => result({ action: 'decrypt', value, encoding: 'base64' }, { key });
  expect(await decrypt(one)).toBe('grüße');
  const bytes = Buffer.from(one, 'base64');
  bytes[14] = (bytes[14] ?? 0) ^ 1;
  for (const wrong of [
    () => decrypt(bytes.toString('base64')),
    () => decrypt(one, 'ab'.repeat(32)),
    () => decrypt('AAAA'),
  ])
    await expect(wrong()).rejects.toMatchObject({ code: 'data.invalid' });
  await expect(decrypt('not base64!')).rejects.toMatchObject({ message: 'The value is not written in base64.' });
  await expect(decrypt(one, 'a password')).rejects.toMatchObject({ code: 'config.invalid' });
});

test('a key that cannot be read is not shown', async () => {
  const privateKey = '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----';
  const failed = result({ action: 'sign', value: 'a' }, { privateKey });
  await expect(failed).rejects.toMatchObject({ message: 'The private key of the connection cannot be read.' });
  const small = texts(generateKeyPairSync('rsa', { modulusLength: 1024 }));
  await expect(result({ action: 'sign', value: 'a' }, small)).rejects.toMatchObject({ code: 'config.invalid' });
});

test('random values have the length and range that were asked for', async () => {
  expect(await result({ action: 'random', length: 16 })).toMatch(/^[0-9a-f]{32}$/);
  expect(await result({ action: 'random', make: 'password', length: 300 })).toMatch(/^[A-HJ-NP-Za-km-z2-9]{300}$/);
  expect(await result({ action: 'random', make: 'number', min: 10, max: 20 })).toBe(15);
  expect(await result({ action: 'random', make: 'uuid' })).toMatch(/^[0-9a-f-]{36}$/);
  await expect(result({ action: 'random', make: 'number', min: 2, max: 1 })).rejects.toMatchObject({
    code: 'config.invalid',
  });
  const ok = (length: number) => crypto.config.safeParse({ action: 'random', length }).success;
  expect([ok(0), ok(1), ok(4_096), ok(4_097)]).toEqual([false, true, true, false]);
});

const sketch = (config: Parameters<typeof itemsOf>[0]) => ({
  steps: { go: { uses: 'trigger.manual' }, do: { uses: 'data.crypto', config, connection: 'mine' } },
  edges: ['go -> do'],
});

test('a run keeps neither the key nor what it was used on, and needs no key to be done again', async () => {
  const connections = { mine: { connector: 'crypto', secret: { key: 'a-very-secret-key' }, hosts: [] } };
  const work = sketch({ action: 'hmac', value: 'the-plain-text' });
  const first = await runSketch(work, { connections });
  const wanted = createHmac('sha256', 'a-very-secret-key').update('the-plain-text').digest('hex');
  expect(first.left('do')).toEqual([{ result: wanted }]);
  expect(JSON.stringify(first.events)).not.toMatch(/a-very-secret-key|the-plain-text/);
  const cut = first.events.findIndex((event) => event.type === 'step.succeeded' && event.stepId === 'do');
  const again = await runSketch(work, { events: first.events.slice(0, cut) });
  expect(again.left('do')).toEqual([{ result: wanted }]);
  const without = await runSketch(work, {});
  expect([without.outcome.status, JSON.stringify(without.outcome)]).toEqual([
    'failed',
    expect.stringContaining('mine'),
  ]);
});

test('random bytes are not foreseeable from the seed, and the same when a step is done again', async () => {
  const work = sketch({ action: 'random' });
  const [first, second] = [await runSketch(work), await runSketch(work)];
  expect(first.left('do')).not.toEqual(second.left('do'));
  const cut = first.events.findIndex((event) => event.type === 'step.succeeded' && event.stepId === 'do');
  const again = await runSketch(work, { events: first.events.slice(0, cut) });
  expect(again.left('do')).toEqual(first.left('do'));
});

test('effect classes follow what is done', () => {
  const effect = (config: object) => (crypto.effect as (c: unknown) => string)(crypto.config.parse(config));
  expect([
    effect({}),
    effect({ action: 'hmac' }),
    effect({ action: 'random' }),
    effect({ action: 'random', make: 'uuid' }),
  ]).toEqual(['pure', 'idempotent', 'idempotent', 'pure']);
});
