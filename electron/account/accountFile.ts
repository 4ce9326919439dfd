import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { v7 as uuid } from 'uuid';
import { z } from 'zod';
import { User, Workspace } from '#shared/contract/cloud/common.ts';
import { Uuid } from '#shared/ids.ts';
import { writePrivateFile } from '../vault/privateFile.ts';

/** Who was signed in last, per control plane: shown while it cannot be asked. No token is in it. */
const AccountFile = z.strictObject({
  format: z.literal(1),
  deviceId: Uuid,
  accounts: z.record(z.string(), z.strictObject({ user: User, workspaces: z.array(Workspace) })),
});
export type AccountFile = z.infer<typeof AccountFile>;

/** Reads it, or gives a new one; what is in it can all be had again. */
export function readAccountFile(dataDir: string): AccountFile {
  try {
    return AccountFile.parse(JSON.parse(readFileSync(join(dataDir, 'account.json'), 'utf8')));
  } catch {
    return { format: 1, deviceId: uuid(), accounts: {} };
  }
}

export function writeAccountFile(dataDir: string, file: AccountFile): Promise<void> {
  return writePrivateFile(join(dataDir, 'account.json'), JSON.stringify(file));
}
