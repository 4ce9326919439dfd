import { expect, test } from 'vitest';
import { SluiceError } from '#shared/error.ts';
import type { CloudClient } from './cloudClient.ts';
import { beginCodeSignIn } from './codeSignIn.ts';

const tokens = { accessToken: 'sla_x', expiresIn: 900, refreshToken: 'slr_x' };

/** A control plane that gives these answers to one question after the other, and goes on with the last. */
function cloudThat(answers: (SluiceError | typeof tokens)[], expiresIn = 60) {
  const asked: string[] = [];
  const auth: Pick<CloudClient['auth'], 'authorizeDevice' | 'token'> = {
    authorizeDevice: async () => ({
      deviceCode: 'the device code',
      userCode: 'BCDF-GHJK',
      verificationUri: 'https://sluice.example/device',
      expiresIn,
      interval: 0,
    }),
    token: async (input) => {
      asked.push(input.grantType === 'device_code' ? input.deviceCode : '');
      const answer = answers[Math.min(asked.length, answers.length) - 1];
      if (!answer || answer instanceof SluiceError) throw answer;
      return answer;
    },
  };
  return { cloud: { auth } as Pick<CloudClient, 'auth'>, asked };
}
const pending = new SluiceError('sign_in.pending', 'Nobody has entered the code yet.');

test('it asks until somebody has decided, also while nobody answers for a moment', async () => {
  const away = new SluiceError('cloud.unreachable', 'No answer.');
  const { cloud, asked } = cloudThat([pending, away, pending, tokens]);
  const started = await beginCodeSignIn({ cloud, deviceName: 'The test' });
  expect(started).toMatchObject({ url: 'https://sluice.example/device', userCode: 'BCDF-GHJK' });
  expect(await started.tokens).toEqual(tokens);
  expect(asked).toEqual(Array(4).fill('the device code'));
});

test('a refusal ends it at once', async () => {
  const { cloud, asked } = cloudThat([pending, new SluiceError('sign_in.failed', 'Refused.')]);
  const { tokens: got } = await beginCodeSignIn({ cloud, deviceName: 'The test' });
  await expect(got).rejects.toMatchObject({ code: 'sign_in.failed', message: 'Refused.' });
  expect(asked).toHaveLength(2);
});

test('a code that nobody entered ends by itself, and one that was cancelled asks no more', async () => {
  const late = await beginCodeSignIn({ cloud: cloudThat([pending], 0.05).cloud, deviceName: 'The test' });
  await expect(late.tokens).rejects.toMatchObject({ message: 'Nobody entered the code in time.' });
  const { cloud, asked } = cloudThat([pending]);
  const started = await beginCodeSignIn({ cloud, deviceName: 'The test' });
  started.cancel();
  await expect(started.tokens).rejects.toMatchObject({ message: 'The sign-in was cancelled.' });
  expect(asked.length).toBeLessThan(2);
});
