import { expect, test } from 'vitest';
import { startTestCloud } from '../../tests/fixtures/cloud.ts';
import { allCapabilities } from '../server/capabilities.ts';

test('a person buys Pro on the hosted page, and the plan, its caps and the container follow', async () => {
  const cloud = await startTestCloud({}, allCapabilities);
  try {
    const owner = await cloud.newPerson();
    expect((await owner.call('GET', '/v1/container')).body).toEqual({
      status: 'stopped',
      driver: 'process',
      ramBytes: 512 * 1024 ** 2,
      cpu: 0.5,
    });
    const usage = await owner.call<{ plan: string }>('GET', '/v1/usage');
    expect(usage.body.plan).toBe('free');
    const { body, status } = await owner.call<{ url: string }>('POST', '/v1/billing/checkout', { plan: 'pro' });
    expect(status).toBe(200);
    const paid = await fetch(body.url, { method: 'POST', body: new URLSearchParams({ card: '4242 4242 4242 4242' }) });
    expect([paid.url, paid.status]).toEqual([`${cloud.url}/billing/done`, 200]);
    expect(await paid.text()).toContain('Your plan takes effect within seconds.');
    // The stand-in delivers its signed events to the real route.
    const subscription = () =>
      owner.call<{ plan: string; status: string }>('GET', '/v1/billing/subscription').then((answer) => answer.body);
    await expect
      .poll(subscription, { timeout: 60_000 })
      .toMatchObject({ plan: 'pro', status: 'active', cycle: 'month' });
    expect((await owner.call('GET', '/v1/container')).body).toMatchObject({ ramBytes: 2 * 1024 ** 3, cpu: 2 });
    const { url } = (await owner.call<{ url: string }>('POST', '/v1/billing/portal', {})).body;
    expect(await (await fetch(url)).text()).toContain('Cancel at the end of the period');
  } finally {
    await cloud.stop();
  }
});

test('an event that the provider did not sign is answered with 400, and one that is too large with 413', async () => {
  const cloud = await startTestCloud({}, allCapabilities);
  try {
    const send = (body: string) =>
      fetch(`${cloud.url}/v1/billing/stripe`, { method: 'POST', body, headers: { 'stripe-signature': 't=1,v1=00' } });
    const refused = await send('{}');
    expect([refused.status, await refused.json()]).toEqual([
      400,
      expect.objectContaining({ code: 'payment.event_invalid' }),
    ]);
    expect((await send('x'.repeat(600_000))).status).toBe(413);
  } finally {
    await cloud.stop();
  }
});
