import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { _electron } from '@playwright/test';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

/** Where Electron's package says its binary is. Asking the package itself would fetch one. */
function findElectron(): string | undefined {
  const dir = join(root, 'node_modules/electron');
  const note = join(dir, 'path.txt');
  const binary = existsSync(note) ? join(dir, 'dist', readFileSync(note, 'utf8').trim()) : undefined;
  return binary !== undefined && existsSync(binary) ? binary : undefined;
}

const binary = findElectron();
const built = existsSync(join(root, 'build/out/shell/main.js')) && existsSync(join(root, 'build/out/host/host.js'));
const display = process.platform !== 'linux' || process.env.DISPLAY !== undefined;
const missing = [
  binary === undefined && 'Electron’s binary is not installed',
  !built && 'the shell is not built',
  !display && 'there is no display',
].filter((one) => one !== false);
if (missing.length > 0) console.log(`Skipped: the _electron smoke test, because ${missing.join(' and ')}.`);

test.skipIf(missing.length > 0)(
  "the real Electron opens the editor and reaches the host (needs Electron's binary)",
  async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'sluice-electron-'));
    const app = await _electron.launch({
      ...(binary ? { executablePath: binary } : {}),
      args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), join(root, 'build/out/shell/main.js')],
      env: { ...(process.env as Record<string, string>), SLUICE_DATA: dataDir, SLUICE_URL: 'http://127.0.0.1:9' },
    });
    try {
      const page = await app.firstWindow();
      expect(page.url()).toBe('app://sluice/');
      const described = await page.evaluate<unknown>(`window.sluice.call('host.describe', {})`);
      expect(described).toMatchObject({ ok: true, output: { shell: 'electron' } });
      expect(await page.evaluate<unknown>('typeof require')).toBe('undefined');
    } finally {
      await app.close();
      rmSync(dataDir, { recursive: true, force: true });
    }
  },
);
