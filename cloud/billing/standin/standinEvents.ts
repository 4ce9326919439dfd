import { createHmac } from 'node:crypto';
import { type Event, newId, type StandinState } from './standinState.ts';

type EventDeps = {
  state: StandinState;
  now: () => number;
  apiVersion: () => string;
  webhookSecret: string;
  /** Waits before the second, third, … attempt; the last one repeats. */
  retryDelaysMs: readonly number[];
  save: () => Promise<void>;
};

/** `t=…,v1=…` over `t.payload`, as the provider signs. */
export function signPayload(payload: string, secret: string, timestamp: number): string {
  const signature = createHmac('sha256', secret).update(`${timestamp}.${payload}`).digest('hex');
  return `t=${timestamp},v1=${signature}`;
}

/** Keeps events and delivers each until the webhook answers 2xx. Deliveries overtake each other, as the provider's do. */
export function createEvents({ state, now, apiVersion, webhookSecret, retryDelaysMs, save }: EventDeps) {
  let target: string | undefined;
  let closed = false;
  const timers = new Set<NodeJS.Timeout>();

  function emit(type: string, object: object): void {
    const id = newId('evt');
    state.events[id] = {
      id,
      object: 'event',
      api_version: apiVersion(),
      created: now(),
      data: { object: structuredClone(object) },
      livemode: false,
      pending_webhooks: 1,
      request: { id: null, idempotency_key: null },
      type,
    };
    state.undelivered.push(id);
    void save();
    void deliver(id, 0);
  }

  async function deliver(id: string, attempt: number): Promise<void> {
    const event = state.events[id];
    if (closed || !target || !event) return;
    if (await send(event, target)) {
      state.undelivered = state.undelivered.filter((other) => other !== id);
      void save();
      return;
    }
    const delay = retryDelaysMs[Math.min(attempt, retryDelaysMs.length - 1)] ?? 1_000;
    const timer = setTimeout(() => {
      timers.delete(timer);
      void deliver(id, attempt + 1);
    }, delay);
    timer.unref();
    timers.add(timer);
  }

  async function send(event: Event, url: string): Promise<boolean> {
    const payload = JSON.stringify(event, null, 2);
    const headers = {
      'content-type': 'application/json; charset=utf-8',
      'stripe-signature': signPayload(payload, webhookSecret, Math.floor(Date.now() / 1_000)),
    };
    try {
      const signal = AbortSignal.timeout(10_000);
      return (await fetch(url, { method: 'POST', headers, body: payload, signal, redirect: 'manual' })).ok;
    } catch {
      return false;
    }
  }

  return {
    emit,
    /** Sends what is waiting, and everything from now on, to this webhook. */
    deliverTo(url: string): void {
      target = url;
      for (const id of state.undelivered) void deliver(id, 0);
    },
    /** Sends an event that was delivered before once more. */
    repeat: async (id: string): Promise<boolean> => {
      const event = state.events[id];
      return event && target ? send(event, target) : false;
    },
    close(): void {
      closed = true;
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
