import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import { v7 as uuidv7 } from 'uuid';
import { SluiceError } from '#shared/error.ts';
import type { Secret } from '#shared/log.ts';

/** A letter in plain text: nothing in it is remote, so nothing tells who read it. */
export type Letter = { to: string; subject: string; text: string };

export type Mail = {
  /** @throws SluiceError service.unavailable where the mail server does not take it */
  send(letter: Letter): Promise<void>;
  close(): void;
};

export type MailOptions = { folder: string; from: string; smtpUrl?: Secret<string> };

/** Sends by SMTP where it is set, else leaves each letter in a folder: `<id>.eml` for mail programs and `<id>.json` for programs. */
export function createMail({ folder, from, smtpUrl }: MailOptions): Mail {
  if (smtpUrl) {
    const transport = createTransport(smtpUrl.reveal(), { from, disableFileAccess: true, disableUrlAccess: true });
    return {
      async send(letter) {
        try {
          await transport.sendMail(letter);
        } catch (cause) {
          throw new SluiceError('service.unavailable', 'The mail could not be sent.', {
            advice: 'Try again in a few minutes.',
            cause,
          });
        }
      },
      close: () => transport.close(),
    };
  }
  const composer = createTransport({ streamTransport: true, buffer: true, newline: 'unix' }, { from });
  return {
    async send(letter) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const id = uuidv7();
      const { message } = await composer.sendMail(letter);
      const entry = JSON.stringify({ id, at: new Date().toISOString(), from, ...letter }, null, 2);
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
