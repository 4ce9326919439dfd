import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';
import { asSql, type Database, type Sql, type Tx } from './database.ts';
import type { Letter, Mail, MailTransport } from './mail.ts';
import type { MasterKey } from './secrets.ts';

export type MailDeps = { db: Database; master: MasterKey; transport: MailTransport; logger: Logger };

const S = 1_000;
const MIN = 60 * S;
const H = 60 * MIN;
/** How long after each failed try the next one comes; after the last of them the letter is given up. */
export const RETRY_MS = [5 * S, 5 * MIN, 30 * MIN, 2 * H, 5 * H, 10 * H, 10 * H];
const LEASE_S = 120;
const AT_ONCE = 20;
/** So long is kept that a letter was given up; of its words nothing is. */
const KEPT_DAYS = 30;

type Row = { sealed: Uint8Array | null; attempts: number; owner: string | null };

/** The outbox of letters. Any number of processes may send from it: each letter is claimed first. */
export function createMail({ db, master, transport, logger }: MailDeps): Mail {
  const aad = (id: string) => `mail_outbox/${id}/sealed`;

  async function insert(tx: Tx | Sql, letter: Letter, owner?: string): Promise<string> {
    const id = uuidv7();
    const sealed = Buffer.from(master.wrap(Buffer.from(JSON.stringify(letter)), aad(id)));
    // Without RETURNING: who writes a letter may not read it.
    await asSql(tx).query(
      `insert into mail_outbox (id, sealed, due_at, owner, lease_until)
       values ($1::uuid, $2, now(), $3, case when $3::text is null then null else now() + $4::int * interval '1 s' end)`,
      [id, sealed, owner ?? null, LEASE_S],
    );
    return id;
  }

  /** One transaction that sees this one letter. */
  const withLetter = <T>(id: string, fn: (sql: Sql) => Promise<T>): Promise<T> =>
    db.withoutTenant(async (tx) => {
      await tx.$executeRaw`select set_config('app.mail_id', ${id}, true)`;
      return fn(asSql(tx));
    });

  /** Sends a letter that `owner` holds. Its row goes with it, or says when the next try is. */
  async function sendOne(id: string, owner: string): Promise<void> {
    const row = await withLetter(id, async (sql) => {
      const { rows } = await sql.query<Row>('select sealed, attempts, owner from mail_outbox where id = $1::uuid', [
        id,
      ]);
      return rows[0];
    });
    if (!row || row.owner !== owner) return;
    if (!row.sealed) return withLetter(id, (sql) => remove(sql, id));
    const letter = JSON.parse(master.unwrap(row.sealed, aad(id)).toString('utf8')) as Letter;
    try {
      await transport.deliver(letter, id);
    } catch (thrown) {
      await failed(id, row.attempts + 1, thrown);
      return;
    }
    await withLetter(id, (sql) => remove(sql, id));
  }

  async function failed(id: string, attempts: number, thrown: unknown): Promise<void> {
    const { details, cause } = SluiceError.from(thrown);
    // Of what the server said only its number: its words may repeat the address.
    const { responseCode, code } = (cause ?? {}) as { responseCode?: number; code?: string };
    const reason = String(responseCode ?? code ?? 'unknown').slice(0, 60);
    const wait = details?.final === true ? undefined : RETRY_MS[attempts - 1];
    const jitter = wait === undefined ? 0 : Math.round(wait * 0.1 * Math.random());
    const nextMs = wait === undefined ? KEPT_DAYS * 24 * H : wait + jitter;
    await withLetter(id, (sql) =>
      sql.query(
        `update mail_outbox set attempts = $2::int, last_error = $3, owner = null, lease_until = null,
                due_at = now() + $4::bigint * interval '1 ms', sealed = case when $5::boolean then null else sealed end
          where id = $1::uuid`,
        [id, attempts, reason, nextMs, wait === undefined],
      ),
    );
    if (wait === undefined) logger.error('A letter was given up.', { letter: id, attempts, reason });
    else logger.warn('A letter could not be sent; it is tried again.', { letter: id, attempts, reason, inMs: nextMs });
  }

  return {
    async post(tx, letter) {
      await insert(tx, letter);
    },

    async send(letter) {
      const owner = randomUUID();
      const id = await db.withoutTenant((tx) => insert(tx, letter, owner));
      await sendOne(id, owner);
    },

    async tick() {
      const owner = randomUUID();
      const due = await db.withClaims((sql) => claim(sql, owner));
      for (const id of due) {
        try {
          await sendOne(id, owner);
        } catch (thrown) {
          logger.error('A letter could not be dealt with.', { letter: id, error: String(thrown) });
        }
      }
      return due.length;
    },

    close: () => transport.close(),
  };
}

async function claim(sql: Sql, owner: string): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>(
    `update mail_outbox m set owner = $1, lease_until = now() + $2::int * interval '1 s'
       from (select id from mail_outbox where due_at <= now() and (lease_until is null or lease_until < now())
              order by due_at limit $3 for update skip locked) due
      where m.id = due.id returning m.id`,
    [owner, LEASE_S, AT_ONCE],
  );
  return rows.map(({ id }) => id);
}

async function remove(sql: Sql, id: string): Promise<void> {
  await sql.query('delete from mail_outbox where id = $1::uuid', [id]);
}
