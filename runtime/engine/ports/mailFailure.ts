import { SluiceError } from '#shared/error.ts';
import { redactSecrets } from './redact.ts';

/** Whether the message itself began to leave. Before that, nothing of it can be delivered. */
export type MailProgress = { sent: boolean };

type SmtpError = { code?: string; message?: string; response?: string; responseCode?: number };

/** What the failure of a delivery means. An answer of the server says it; without one, how far it had come. */
export function mailFailure(
  thrown: unknown,
  where: MailProgress & { timedOut: boolean; timeoutMs: number; password: string | undefined },
): SluiceError {
  if (thrown instanceof SluiceError) return thrown;
  const { code = '', message = '', response, responseCode } = thrown as SmtpError;
  const said = redactSecrets(
    (response ?? message).slice(0, 300),
    where.password ? { password: where.password } : {},
  ) as string;
  const details = { reason: responseCode === undefined ? code : String(responseCode) };
  if (code === 'EAUTH') {
    return new SluiceError('connector.rejected', `The mail server does not let this connection in: ${said}.`, {
      cause: thrown,
      details,
      advice: 'Look at the user and password of the connection.',
    });
  }
  if (responseCode !== undefined && responseCode >= 500) {
    return new SluiceError('connector.rejected', `The mail server refused the message: ${said}.`, {
      cause: thrown,
      details,
      advice: 'Look at the addresses and the content of the message.',
    });
  }
  if (responseCode !== undefined && responseCode >= 400) {
    return new SluiceError('connector.unavailable', `The mail server asked to come back later: ${said}.`, {
      cause: thrown,
      details,
    });
  }
  if (where.sent) {
    return new SluiceError('connector.unclear', 'The connection to the mail server broke while the message was sent.', {
      cause: thrown,
      details,
    });
  }
  if (where.timedOut) {
    return new SluiceError('connector.unavailable', `The mail server did not answer within ${where.timeoutMs} ms.`, {
      cause: thrown,
      details: { reason: 'timeout' },
    });
  }
  if (code === 'ETLS' || /certificate|self.signed|TLS|SSL/i.test(`${code} ${message}`)) {
    return new SluiceError('connector.rejected', `No encrypted connection to the mail server: ${said}.`, {
      cause: thrown,
      details,
      advice: 'Look at the encryption of the connection: another kind, or a certificate authority of your own.',
    });
  }
  return new SluiceError('connector.unavailable', `The connection to the mail server broke (${said}).`, {
    cause: thrown,
    details,
    advice: 'Look whether the host and port of the connection are right and the server is up.',
  });
}
