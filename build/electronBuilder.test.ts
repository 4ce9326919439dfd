import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '..');
const require = createRequire(import.meta.url);
const { validateConfiguration } = require('app-builder-lib/out/util/config/config.js') as {
  validateConfiguration(config: unknown, logger: { isEnabled: boolean }): Promise<void>;
};

type Config = { appId: string; electronFuses: Record<string, boolean>; asarUnpack: string[]; files: string[] };
const config = () => parse(readFileSync(join(root, 'build/electron-builder.yml'), 'utf8')) as Config;
const check = (changed: unknown) => validateConfiguration(changed, { isEnabled: false });

test('electron-builder takes the configuration, and its check finds a wrong key', async () => {
  await check(config());
  await expect(check({ ...config(), electronFuse: {} })).rejects.toThrow('electronFuse');
});

test('the fuses are those of a release, and the identity never changes', () => {
  expect(config().electronFuses).toEqual({
    runAsNode: false,
    enableCookieEncryption: true,
    enableNodeOptionsEnvironmentVariable: false,
    enableNodeCliInspectArguments: false,
    enableEmbeddedAsarIntegrityValidation: true,
    onlyLoadAppFromAsar: true,
    grantFileProtocolExtraPrivileges: false,
  });
  expect(config().appId).toBe('app.sluice.desktop');
  expect(readFileSync(join(root, 'electron/shell/main.ts'), 'utf8')).toContain(`'${config().appId}'`);
});

test('what our own Node runs lies outside of the archive', () => {
  expect(config().asarUnpack).toEqual(['build/out/host/**', 'build/out/runtime/**', 'node_modules/**']);
});
