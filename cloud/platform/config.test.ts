import { expect, test } from 'vitest';
import { loadConfig } from './config.ts';

test('nothing set gives a control plane on loopback with everything built in', () => {
  const config = loadConfig({});
  expect(config).toMatchObject({
    host: '127.0.0.1',
    port: 4400,
    containerDriver: 'auto',
    egressAllowPrivate: [],
    mail: { from: expect.any(String) },
  });
  expect([config.databaseUrl, config.redisUrl, config.stripe, config.masterKey]).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test('an empty variable counts as not set', () => {
  expect(loadConfig({ DATABASE_URL: '', PORT: '' })).toMatchObject({ databaseUrl: undefined, port: 4400 });
});

test('lists, numbers and addresses are read', () => {
  const config = loadConfig({
    PORT: '0',
    EGRESS_ALLOW_PRIVATE: '127.0.0.1:9000, receiver:80 ,',
    PUBLIC_URL: 'https://sluice.example/',
  });
  expect(config).toMatchObject({
    port: 0,
    egressAllowPrivate: ['127.0.0.1:9000', 'receiver:80'],
    publicUrl: 'https://sluice.example',
  });
});

test('everything that is wrong is named at once, and no value is shown', () => {
  const env = { PORT: 'seventy', DATABASE_URL: 'mysql://root:hunter2@db', CONTAINER_DRIVER: 'podman' };
  expect(() => loadConfig(env)).toThrow(
    expect.objectContaining({
      code: 'config.invalid',
      message: expect.stringMatching(/DATABASE_URL[\s\S]*PORT[\s\S]*CONTAINER_DRIVER|PORT/),
    }),
  );
  expect(() => loadConfig(env)).toThrow(expect.objectContaining({ message: expect.not.stringContaining('hunter2') }));
});

test('secrets in the settings do not print', () => {
  const config = loadConfig({
    STRIPE_SECRET_KEY: 'sk_test_1',
    SMTP_URL: 'smtp://me:hunter2@mail.example',
    SLUICE_MASTER_KEY: 'aa',
  });
  expect(JSON.stringify(config)).not.toMatch(/sk_test_1|hunter2|"aa"/);
  expect(config.stripe?.secretKey.reveal()).toBe('sk_test_1');
});
