import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import { v7 as uuidv7 } from 'uuid';
import { SluiceError } from '#shared/error.ts';
import type { Secret } from '#shared/log.ts';
import type { Sql, Tx } from './database.ts';
import { htmlOfText } from './letter.ts';

/** A letter. Nothing in it is remote, so nothing tells who read it. Without `html` its text is put into the frame of our letters. */
export type Letter = { to: string; subject: string; text: string; html?: string };

/** How letters are sent. They stand in the database, sealed, until the mail server has taken them. */
export type Mail = {
  /** Adds a letter to a transaction: it is sent if that commits, and soon after. */
  post(tx: Tx | Sql, letter: Letter): Promise<void>;
  /** Adds a letter and tries at once; what fails is tried again later, and is no error here. */
  send(letter: Letter): Promise<void>;
  /** Sends what is due now. @returns how many were tried */
  tick(): Promise<number>;
  close(): void;
};

/** What takes letters out of the house. */
export type MailTransport = {
  /**
   * @param id the same for each try, so that a letter which arrives twice is known to be one
   * @throws SluiceError service.unavailable where the mail server does not take it; `details.final` where it never will
   */
  deliver(letter: Letter, id?: string): Promise<void>;
  close(): void;
};

export type MailOptions = { folder: string; from: string; smtpUrl?: Secret<string> };

/** By SMTP where it is set, else each letter is left in a folder: `<id>.eml` for mail programs and `<id>.json` for programs. */
export function createMailTransport({ folder, from, smtpUrl }: MailOptions): MailTransport {
  const domain = /@([\w.-]+)/.exec(from)?.[1] ?? 'localhost';
  const whole = (letter: Letter, id: string) => ({
    ...letter,
    html: letter.html ?? htmlOfText(letter.subject, letter.text),
    messageId: `<${id}@${domain}>`,
  });
  if (smtpUrl) {
    const safe = { disableFileAccess: true, disableUrlAccess: true };
    const waits = { connectionTimeout: 15_000, greetingTimeout: 15_000, socketTimeout: 30_000 };
    const transport = createTransport({ url: smtpUrl.reveal(), ...safe, ...waits }, { from });
    return {
      async deliver(letter, id = uuidv7()) {
        try {
          await transport.sendMail(whole(letter, id));
        } catch (cause) {
          const answer = (cause as { responseCode?: number }).responseCode ?? 0;
          throw new SluiceError('service.unavailable', 'The mail could not be sent.', {
            advice: 'Try again in a few minutes.',
            details: { final: answer >= 500 && answer < 600 },
            cause,
          });
        }
      },
      close: () => transport.close(),
    };
  }
  const composer = createTransport({ streamTransport: true, buffer: true, newline: 'unix' }, { from });
  return {
    async deliver(letter, id = uuidv7()) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const { message } = await composer.sendMail(whole(letter, id));
      const { messageId: _, ...shown } = whole(letter, id);
      const entry = JSON.stringify({ id, at: new Date().toISOString(), from, ...shown }, null, 2);
      await place(join(folder, `${id}.eml`), message as Buffer);
      await place(join(folder, `${id}.json`), `${entry}\n`);
    },
    close: () => composer.close(),
  };
}

/** Whoever watches the folder sees whole files only. */
async function place(file: string, content: string | Uint8Array): Promise<void> {
  await writeFile(`${file}.part`, content, { mode: 0o600 });
  await rename(`${file}.part`, file);
}
