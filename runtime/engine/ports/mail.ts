import { Readable } from 'node:stream';
import type { BoundConnection } from '#shared/contract/agentApi.ts';
import { SluiceError } from '#shared/error.ts';
import { smtp } from '../../connectors/mail/connector.ts';
import { checkOwnHost } from './hosts.ts';
import { headerText, mailAddress, mailAddresses } from './mailAddress.ts';
import { type MailProgress, mailFailure } from './mailFailure.ts';
import { openSocket } from './openSocket.ts';
import type { Clock } from './ports.ts';
import { systemClock } from './systemClock.ts';

/** A message as a step asks for it. Addresses as a list, or as a text with commas. */
export type MailMessage = {
  from?: string;
  to: string | string[];
  cc?: string | string[];
  bcc?: string | string[];
  replyTo?: string;
  subject: string;
  text?: string;
  html?: string;
};

export type MailAttachment = { name: string; mime: string; bytes: Uint8Array };

/** `rejected` are recipients that the server did not take, while it took others. */
export type MailReply = { messageId: string; accepted: string[]; rejected: string[] };

export type MailPort = {
  /**
   * Hands one message to the connection's mail server. The message's id is made of the effect's key, so that the same
   * message sent twice can be told.
   *
   * @throws SluiceError connector.unavailable (surely not sent), connector.unclear (may have been sent),
   *   connector.rejected, rate.exceeded, config.invalid, limit.exceeded, connection.host_not_allowed, egress.refused
   */
  send(
    message: MailMessage & { files: MailAttachment[] },
    options: { stepId: string; connection?: BoundConnection; effectKey: string; signal: AbortSignal },
  ): Promise<MailReply>;
};

const MOST_RECIPIENTS = 100;
const MOST_FILES = 20;
const MOST_BYTES = 20 * 1024 * 1024;
const MOST_TEXT = 1024 * 1024;
const TIMEOUT_MS = 30_000;
/** Longer than this nobody is kept waiting for their turn. */
const MOST_WAIT_MS = 60_000;

/** Mail by SMTP, at most so many messages a minute for each connection; what comes too fast waits for its turn. */
export function createMailPort(deps: { env?: NodeJS.ProcessEnv; clock?: Clock; perMinute?: number } = {}): MailPort {
  const { env = process.env, clock = systemClock, perMinute = 100 } = deps;
  const sentAt = new Map<string, number[]>();

  async function takeTurn(key: string, signal: AbortSignal): Promise<void> {
    const now = clock.now();
    for (const [other, times] of sentAt) if ((times.at(-1) ?? 0) < now - 60_000) sentAt.delete(other);
    const times = (sentAt.get(key) ?? []).filter((at) => at > now - 60_000);
    const first = times.at(-perMinute);
    const at = first === undefined ? now : first + 60_000;
    if (at - now > MOST_WAIT_MS) {
      throw new SluiceError(
        'rate.exceeded',
        `This connection sends ${perMinute} messages a minute, and that many wait.`,
        {
          details: { limit: perMinute, retryAfterMs: at - now },
          advice: 'Send fewer at once, or spread them with a wait.',
        },
      );
    }
    sentAt.set(key, [...times, at]);
    if (at > now) await clock.sleep(at - now, signal);
  }

  return {
    async send(message, { stepId, connection, effectKey, signal }) {
      if (!connection) {
        throw new SluiceError('connection.not_bound', `Step ${stepId} has no connection to a mail server.`, {
          advice: 'Choose an e-mail connection in the step.',
          details: { stepId },
        });
      }
      const secret = secretOf(connection);
      checkOwnHost({ host: secret.host, port: secret.port, usualPort: 587 }, connection.hosts);
      const { envelope, messageId, composed } = await compose(message, secret.from, effectKey);
      await takeTurn(`${secret.host}:${secret.port}:${secret.user ?? ''}`, signal);
      const progress: MailProgress = { sent: false };
      const timeout = AbortSignal.timeout(TIMEOUT_MS);
      const either = AbortSignal.any([signal, timeout]);
      const socket = await openSocket({ host: secret.host, port: secret.port, signal }, env);
      const cut = () => socket.destroy();
      either.addEventListener('abort', cut, { once: true });
      try {
        const { accepted, rejected } = await deliver(secret, socket, envelope, composed, progress);
        return { messageId, accepted, rejected };
      } catch (thrown) {
        if (signal.aborted) throw signal.reason;
        throw mailFailure(thrown, {
          ...progress,
          timedOut: timeout.aborted,
          timeoutMs: TIMEOUT_MS,
          password: secret.password,
        });
      } finally {
        either.removeEventListener('abort', cut);
        socket.destroy();
      }
    },
  };
}

type Secret = ReturnType<typeof secretOf>;

async function deliver(
  secret: Secret,
  socket: Awaited<ReturnType<typeof openSocket>>,
  envelope: { from: string; to: string[] },
  message: Buffer,
  progress: MailProgress,
): Promise<{ accepted: string[]; rejected: string[] }> {
  const { default: SMTPConnection } = await import('nodemailer/lib/smtp-connection');
  const { host, port, encryption, user, password, ca } = secret;
  const session = new SMTPConnection({
    host,
    port,
    connection: socket,
    secure: encryption === 'tls',
    requireTLS: encryption === 'starttls',
    ignoreTLS: encryption === 'none',
    tls: { rejectUnauthorized: true, ...(ca ? { ca } : {}) },
    // Not the name of this machine.
    name: 'sluice.invalid',
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
  });
  return new Promise((resolve, reject) => {
    session.once('error', reject);
    session.once('end', () => reject(new Error('Connection closed')));
    const send = () => {
      // Once the server has asked for it, the message may come to be delivered.
      const body = Readable.from(
        (function* () {
          progress.sent = true;
          yield message;
        })(),
      );
      session.send(envelope, body, (failed, info) => {
        if (failed) return reject(failed);
        resolve({ accepted: info.accepted.map(String), rejected: info.rejected.map(String) });
        session.quit();
      });
    };
    session.connect((failed) => {
      if (failed) return reject(failed);
      if (!user) return send();
      session.login({ credentials: { user, pass: password ?? '' } }, (refused) => (refused ? reject(refused) : send()));
    });
  });
}

/** Bytes of a message whose every field has been looked at. */
async function compose(message: MailMessage & { files: MailAttachment[] }, sender: string, effectKey: string) {
  const from = mailAddress(message.from ?? sender, 'The sender');
  const to = mailAddresses(message.to, 'A recipient');
  const cc = mailAddresses(message.cc, 'A recipient (cc)');
  const bcc = mailAddresses(message.bcc, 'A recipient (bcc)');
  const all = [...to, ...cc, ...bcc];
  if (all.length === 0) {
    throw new SluiceError('config.invalid', 'The message has no recipient.', {
      advice: 'Give at least one address in To.',
    });
  }
  if (all.length > MOST_RECIPIENTS) throw tooMuch('recipients', all.length, MOST_RECIPIENTS);
  if (message.files.length > MOST_FILES) throw tooMuch('attachments', message.files.length, MOST_FILES);
  const bytes = message.files.reduce((sum, file) => sum + file.bytes.length, 0);
  if (bytes > MOST_BYTES) throw tooMuch('bytes of attachments', bytes, MOST_BYTES);
  for (const text of [message.text, message.html]) {
    if (text !== undefined && text.length > MOST_TEXT) throw tooMuch('characters of text', text.length, MOST_TEXT);
  }
  if (message.text === undefined && message.html === undefined) {
    throw new SluiceError('config.invalid', 'The message has no text.', { advice: 'Fill in Text, HTML or both.' });
  }
  const messageId = `<${effectKey}@${from.address.split('@')[1]}>`;
  const { default: MailComposer } = await import('nodemailer/lib/mail-composer');
  const composed = await new MailComposer({
    from,
    to,
    cc,
    replyTo: message.replyTo === undefined ? undefined : mailAddress(message.replyTo, 'The address for replies'),
    subject: headerText(message.subject, 'The subject', 500),
    text: message.text,
    html: message.html,
    messageId,
    xMailer: false,
    attachments: message.files.map(({ name, mime, bytes: content }) => ({
      filename: headerText(name, 'The name of an attachment', 200).replace(/[\\/]/g, '_'),
      contentType: /^[a-z0-9][a-z0-9.+-]*\/[a-z0-9][a-z0-9.+-]*$/i.test(mime) ? mime : 'application/octet-stream',
      content: Buffer.from(content),
      contentDisposition: 'attachment' as const,
    })),
    disableFileAccess: true,
    disableUrlAccess: true,
  })
    .compile()
    .build();
  return { messageId, composed, envelope: { from: from.address, to: all.map(({ address }) => address) } };
}

function tooMuch(what: string, count: number, limit: number): SluiceError {
  return new SluiceError('limit.exceeded', `The message has ${count} ${what}; ${limit} are allowed.`, {
    advice: 'Send several messages, or put a link to the files into the text.',
    details: { limit, count, what },
  });
}

function secretOf({ connector, secret }: BoundConnection) {
  if (connector !== smtp.name) {
    throw new SluiceError('config.invalid', `The step's connection is one of ${connector}, not of e-mail.`, {
      advice: 'Choose an e-mail connection in the step.',
    });
  }
  const read = smtp.connection.safeParse(secret);
  if (read.success) return read.data;
  throw new SluiceError(
    'config.invalid',
    `The connection lacks what e-mail needs: ${read.error.issues[0]?.path.join('.') ?? 'a field'}.`,
    { advice: 'Open the connection and fill it in.' },
  );
}
