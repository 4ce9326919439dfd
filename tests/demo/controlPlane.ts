import { randomUUID } from 'node:crypto';

export type RunRow = {
  id: string;
  status: string;
  workflowName: string;
  trigger: string;
  queuedAt: string;
  stepCount: number;
  versionNumber?: number;
};
export type Usage = {
  plan: string;
  meters: { meter: string; period: string; used: number; reserved: number; included?: number }[];
};

/** The control plane's API, asked as any program would. */
export function createApi(url: string) {
  let accessToken = '';
  let workspaceId = '';

  async function ask<T>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> {
    const reply = await fetch(new URL(path, url), {
      method,
      headers: {
        ...(accessToken ? { authorization: `Bearer ${accessToken}` } : {}),
        ...(workspaceId ? { 'sluice-workspace': workspaceId } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(method === 'POST' ? { 'idempotency-key': randomUUID() } : {}),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: reply.status, body: (await reply.json()) as T };
  }

  /** The body of an answer that must be fine. */
  async function get<T>(path: string): Promise<T> {
    const { status, body } = await ask<T>('GET', path);
    if (status !== 200) throw new Error(`${path} answered ${status}: ${JSON.stringify(body)}`);
    return body;
  }

  return {
    ask,
    get,
    get workspaceId() {
      return workspaceId;
    },
    async signIn(email: string, password: string): Promise<void> {
      const { status, body } = await ask<{ accessToken: string }>('POST', '/v1/auth/sign-in', {
        email,
        password,
        deviceName: 'Demo',
      });
      if (status !== 200) throw new Error(`Signing in answered ${status}.`);
      accessToken = body.accessToken;
      const whoami = await get<{ workspaces: { id: string }[] }>('/v1/auth/whoami');
      workspaceId = whoami.workspaces[0]?.id ?? '';
    },
    usage: () => get<Usage>('/v1/usage'),
    /** Every run of the workspace, newest first. */
    async runs(filter = ''): Promise<RunRow[]> {
      const rows: RunRow[] = [];
      let cursor = '';
      do {
        const page = await get<{ data: RunRow[]; nextCursor?: string }>(
          `/v1/runs?limit=100${filter}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`,
        );
        rows.push(...page.data);
        cursor = page.nextCursor ?? '';
      } while (cursor);
      return rows;
    },
  };
}

export type Api = ReturnType<typeof createApi>;

/** Asks again until something holds. */
export async function until<T>(what: string, timeoutMs: number, ask: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await ask();
    if (found) return found;
    if (performance.now() > deadline)
      throw new Error(`Within ${timeoutMs / 1000} s it did not come to pass that ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
